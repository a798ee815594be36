/**
 * What HTTP takes for white space: spaces and tabs, and nothing else (RFC 9110 section 5.6.3). JavaScript's `trim` takes 23
 * more characters, some of which are bytes of a field value: a parser that skips them reads another value than its
 * neighbours do.
 */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text, start)) start++;
  while (end > start && isBlank(text, end - 1)) end--;
  return text.slice(start, end);
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}
