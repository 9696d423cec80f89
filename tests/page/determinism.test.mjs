// The browser's Wasm and this machine's own code give the same run, to the last bit of the trace hash.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launch, open, serve } from "./serve.mjs";

const root = new URL("../../", import.meta.url);
const manifest = readFileSync(new URL("tests/scenarios/crash.yaml", root), "utf8")
  + "\n---\n" + readFileSync(new URL("examples/gallery/deployment.yaml", root), "utf8");
// What `kubarium run` types besides applying.
const LINES = ["get events -A --sort-by=.metadata.creationTimestamp", "get all -A -o wide", "get nodes"];
const SECONDS = 40;

const native = (seed) => {
  const file = join(mkdtempSync(join(tmpdir(), "kubarium-")), "manifest.yaml");
  writeFileSync(file, manifest);
  const line = ["run", "--quiet", "--all-features", "--bin", "kubarium", "--"];
  const asked = ["run", "-f", file, "--for", `${SECONDS}s`, "--seed", String(seed)];
  const text = execFileSync("cargo", [...line, ...asked], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return /# trace hash ([0-9a-f]{16})/.exec(text)[1];
};

test("native and Wasm give the same trace hash", async () => {
  const server = await serve();
  const browser = await launch();
  try {
    const found = new Set();
    for (const seed of [7, 42]) {
      const { page, context } = await open(browser, server.origin, `?paused&seed=${seed}`);
      const hash = await page.evaluate(async ({ manifest, lines, seconds }) => {
        const k = window.kubarium;
        const end = k.now() + seconds * 1_000;
        const { code } = await k.kubectl("apply -f -", manifest);
        if (code !== 0) throw new Error(`apply ended with ${code}`);
        await k.run({ forMs: end - k.now() });
        for (const line of lines) await k.kubectl(line);
        return k.traceHash();
      }, { manifest, lines: LINES, seconds: SECONDS });
      assert.equal(hash, native(seed), `seed ${seed}`);
      found.add(hash);
      await context.close();
    }
    assert.equal(found.size, 2, "different seeds give different runs");
  } finally {
    await browser.close();
    server.close();
  }
});
