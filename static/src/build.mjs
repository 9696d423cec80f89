// Bundles the editor into static/editor.js: `npm run editor`. With --check it only compares, for the test.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const lock = JSON.parse(await readFile(here("../../package-lock.json"), "utf8"));
const versions = Object.entries(lock.packages)
  .filter(([path]) => /^node_modules\/(@codemirror|@lezer|style-mod|crelt|w3c-keyname|@marijn)/.test(path))
  .map(([path, { version }]) => `${path.slice("node_modules/".length)} ${version}`);
const { outputFiles: [{ text }] } = await build({
  entryPoints: [here("editor.mjs")], bundle: true, minify: true, format: "esm", target: "es2022", write: false,
  charset: "utf8", legalComments: "none",
  banner: { js: `// Made by \`npm run editor\` from static/src/ and, MIT licence, by Marijn Haverbeke and others: ${versions.join(", ")}.` },
});
const out = here("../editor.js");
if (!process.argv.includes("--check")) await writeFile(out, text);
else if (await readFile(out, "utf8") !== text) { console.error("static/editor.js is old: run `npm run editor`"); process.exit(1); }
