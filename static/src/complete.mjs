// Completion of fields and values, by the place that the indentation gives, from the API's own schema.
import { startCompletion } from "@codemirror/autocomplete";

// What stands on a line: where its dashes and its content begin, its key and its value.
const read = (line) => {
  const [, indent, dashes, rest] = /^(\s*)((?:- +)*(?:-$)?)(.*)$/.exec(line);
  const at = indent.length + dashes.length;
  const pair = /^("[^"]*"|'[^']*'|[^\s#"'{[][^:#]*?):(?:\s+(.*))?$/.exec(rest);
  return {
    blank: rest === "" && dashes === "" || rest.startsWith("#"),
    dash: dashes ? indent.length : -1, dashes: dashes.split("-").length - 1, at, rest,
    key: pair ? pair[1].replace(/^["']|["']$/g, "") : null,
    value: pair ? pair[2] ?? "" : null,
  };
};

// The place of the cursor: `path` of keys and "[]", the `word` before it, `key` if a value stands there, the
// `taken` keys beside it, and the document's `kind` and `apiVersion`. `before` is its line up to the cursor.
export const place = (lines, index, before) => {
  let first = index;
  while (first > 0 && !/^---(\s|$)/.test(lines[first - 1])) first -= 1;
  let last = index;
  while (last + 1 < lines.length && !/^---(\s|$)/.test(lines[last + 1])) last += 1;
  const top = (name) => lines.slice(first, last + 1).find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).replace(/\s#.*/, "").trim();
  const line = read(before);
  const found = { path: [], word: line.rest, key: null, taken: [], kind: top("kind"), apiVersion: top("apiVersion"), column: line.at };
  if (/(^|\s)#/.test(line.rest) || /^---/.test(before)) return null;
  if (line.key !== null) Object.assign(found, { key: line.key, word: line.value });
  const flow = line.value?.match(/^\{(?:.*[{,])?\s*(?:([^\s:,{}]+):\s+)?([^,{}:]*)$/);
  if (line.value?.startsWith("{")) {
    if (!flow) return null;
    found.path.push(line.key);
    Object.assign(found, { key: flow[1] ?? null, word: flow[2], flow: true });
  }
  let limit = line.at;
  let sequence = -1;
  const enter = (dash, count) => {
    for (let each = 0; each < count; each += 1) found.path.unshift("[]");
    sequence = dash;
    limit = dash;
  };
  if (line.dash >= 0) enter(line.dash, line.dashes);
  for (let up = index - 1; up >= first && (limit > 0 || sequence >= 0); up -= 1) {
    const other = read(lines[up]);
    if (other.blank || other.key === null && other.dash < 0) continue;
    const parent = other.key !== null && (other.at < limit || other.at === sequence);
    if (parent) {
      found.path.unshift(other.key);
      limit = other.at;
      sequence = -1;
    } else if (other.at === limit && sequence < 0) {
      if (limit === line.at && !found.flow && other.key !== null) found.taken.push(other.key);
    } else continue;
    if (other.dash >= 0) enter(other.dash, other.dashes);
  }
  // Without a dash between, what is written above and below at the same depth is in the same mapping.
  if (line.at === 0 && line.dash < 0) for (let up = first; up < index; up += 1) { const other = read(lines[up]); if (other.key !== null && other.at === 0) found.taken.push(other.key); }
  for (let down = index + 1; down <= last; down += 1) {
    const other = read(lines[down]);
    if (other.blank) continue;
    if (other.at < line.at || other.dash >= 0 && other.dash < line.at) break;
    if (other.at === line.at && other.key !== null) found.taken.push(other.key);
  }
  return found;
};

// The type at a path, as the schema names it: "PodSpec", "Container[]", "string{}".
export const typeAt = (schema, found) => {
  let type = schema.kinds[`${found.apiVersion}/${found.kind}`];
  if (!type && found.kind) type = Object.entries(schema.kinds).find(([name]) => !found.apiVersion && name.endsWith(`/${found.kind}`))?.[1];
  for (const step of found.path) {
    if (!type) return null;
    if (step === "[]") type = type.endsWith("[]") ? type.slice(0, -2) : null;
    else if (type.endsWith("{}")) type = type.slice(0, -2);
    else type = schema.types[type]?.f[step]?.[0] ?? null;
  }
  return type ?? null;
};

const scalar = (type) => /^(string|integer|number|boolean|Quantity|IntOrString|Time|MicroTime|bytes)$/.test(type);

// Kinds whose objects' names a field holds.
const named = ({ path, key }) => {
  const parent = path.filter((step) => step !== "[]").at(-1);
  if (key === "name") return { configMapRef: "ConfigMap", configMapKeyRef: "ConfigMap", configMap: "ConfigMap", secretRef: "Secret", secretKeyRef: "Secret", imagePullSecrets: "Secret" }[parent];
  if (path.join() === "metadata" && key === "namespace") return "Namespace";
  return { secretName: "Secret", serviceAccountName: "ServiceAccount", nodeName: "Node" }[key];
};

// What may stand at the place: `[{label, detail, info, apply}]`.
export const candidates = (schema, found, names = () => []) => {
  if (found.key !== null) {
    const top = found.path.length === 0;
    if (top && found.key === "kind") {
      const kinds = Object.keys(schema.kinds).map((name) => [name.slice(name.lastIndexOf("/") + 1), name.slice(0, name.lastIndexOf("/")), name]);
      const fitting = kinds.filter(([, version]) => version === found.apiVersion);
      return (fitting.length ? fitting : kinds).map(([label, detail, name]) => ({ label, detail, info: schema.types[schema.kinds[name]]?.d }));
    }
    if (top && found.key === "apiVersion") {
      const versions = Object.keys(schema.kinds).filter((name) => !found.kind || name.endsWith(`/${found.kind}`)).map((name) => name.slice(0, name.lastIndexOf("/")));
      return [...new Set(versions)].map((label) => ({ label }));
    }
    const known = named(found);
    if (known) return names(known).map((label) => ({ label, detail: known }));
    const field = schema.types[typeAt(schema, found)]?.f[found.key];
    if (field?.[0] === "boolean") return ["true", "false"].map((label) => ({ label, info: field[1] }));
    return (field?.[2] ?? []).map((label) => ({ label, info: field[1] }));
  }
  const type = typeAt(schema, found) ?? (found.path.length === 0 ? "Object" : null);
  const fields = type === "Object"
    ? { apiVersion: ["string", "The version of the API that the object is written in: v1, apps/v1."], kind: ["string", "What the object is: Pod, Deployment, Service."], metadata: ["ObjectMeta", "Name, namespace, labels and annotations."] }
    : schema.types[type]?.f ?? {};
  const required = schema.types[type]?.r ?? [];
  return Object.entries(fields).filter(([label]) => !found.taken.includes(label)).map(([label, [kind, info]]) => ({
    label, info, type: kind,
    detail: required.includes(label) ? `${kind}, required` : kind,
    boost: required.includes(label) || ["apiVersion", "kind", "metadata", "spec"].includes(label) && found.path.length === 0 ? 1 : 0,
  }));
};

// What is inserted for a field: its colon, and where its value begins.
export const insertion = ({ label, type }, found) => {
  if (found.flow || scalar(type)) return `${label}: `;
  const margin = " ".repeat(found.column);
  return type.endsWith("[]") ? `${label}:\n${margin}- ` : `${label}:\n${margin}  `;
};

let schema = null;
const load = async () => {
  const response = await fetch(new URL("schema.json", import.meta.url));
  if (!response.ok) throw new Error(`schema.json: ${response.status}`);
  return response.json();
};

const describe = (option) => () => {
  const element = document.createElement("p");
  element.textContent = option.info;
  return element;
};

// CodeMirror's source of completions.
export const complete = async (context, page) => {
  // Without a schema there is nothing to offer, and everything else goes on.
  try { schema = await (schema ??= load()); } catch { schema = null; return null; }
  const { doc } = context.state;
  const line = doc.lineAt(context.pos);
  const first = Math.max(1, line.number - 2000);
  const last = Math.min(doc.lines, line.number + 2000);
  const lines = [];
  for (const text of doc.iterLines(first, last + 1)) lines.push(text);
  const found = place(lines, line.number - first, line.text.slice(0, context.pos - line.from));
  if (!found || !context.explicit && found.word === "" && found.key === null) return null;
  const options = candidates(schema, found, (kind) => page?.names(kind) ?? []).map((option) => ({
    label: option.label,
    detail: option.detail,
    boost: option.boost,
    info: option.info ? describe(option) : undefined,
    apply: found.key !== null ? option.label : (view, _, from, to) => {
      const rest = view.state.doc.lineAt(to).text.slice(to - view.state.doc.lineAt(to).from);
      const insert = rest.startsWith(":") ? option.label : insertion(option, found);
      view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, userEvent: "input.complete" });
      setTimeout(() => startCompletion(view));
    },
  }));
  return options.length ? { from: context.pos - found.word.length, options, validFor: /^[\w./-]*$/ } : null;
};
