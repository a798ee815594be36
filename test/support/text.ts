/** Any text, of code points of all planes but lone surrogates. fast-check's own unit `binary` builds a table of all of them. */
import fc from 'fast-check';

const surrogates = 0x800;
const codePoint = fc
  .oneof({ weight: 3, arbitrary: fc.nat(0x7f) }, { weight: 2, arbitrary: fc.nat(0x10ffff - surrogates) })
  .map((number) => String.fromCodePoint(number < 0xd800 ? number : number + surrogates));

export const anyText = fc.array(codePoint, { maxLength: 30 }).map((points) => points.join(''));
