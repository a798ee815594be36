/**
 * A reporter for `node --test` that says which files had a test that failed, a path a line, each once. `bootstrap.mjs`
 * reads them and runs these files again by themselves: on a machine with few cores a test's node may be so late beside
 * two other files' clusters that the test gives up, and only a failure that repeats alone is one of the code.
 */
// The test runner takes a module's default export as the reporter.
// oxlint-disable-next-line import/no-default-export
export default async function* failedFiles(source) {
  const told = new Set();
  for await (const { type, data } of source) {
    if (type !== 'test:fail' || data.todo !== undefined) continue;
    // A file whose process ended by itself is a test whose name is its path.
    const file = data.file ?? data.name;
    if (!/\.test\.[jt]s$/.test(file) || told.has(file)) continue;
    told.add(file);
    yield `${file}\n`;
  }
}
