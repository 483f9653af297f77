/** A reporter of node's test runner: one line for each client and what it did, at the end. */

export default async function* table(source) {
  const rows = [];
  let suite = "";
  for await (const { type, data } of source) {
    if (type === "test:start" && data.nesting === 0) suite = data.name;
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A suite is told of after its tests; it is no client itself.
    if (data.details.type === "suite") continue;
    const name = data.nesting > 0 ? `${suite}: ${data.name}` : data.name;
    const result = data.skip === undefined ? (type === "test:pass" ? "pass" : "FAIL") : "skipped";
    rows.push([name, result, `${(data.details.duration_ms / 1_000).toFixed(1)} s`]);
  }
  yield "\n| client | result | time |\n|---|---|---|\n";
  for (const row of rows) yield `| ${row.join(" | ")} |\n`;
}
