// A static server of dist/ on the loopback, and a browser to look at it with.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml" };
const require = createRequire(import.meta.url);

// The strictest policy the page has to live with: nothing from elsewhere, no inline script or style, no
// eval. Pictures may come from the page itself: a PNG of the stage is drawn by way of one.
const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'";

export const serve = async () => {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    const file = join(dist, path === "/" ? "index.html" : path);
    try {
      const body = await readFile(file);
      // A sandboxed frame belongs to no site: its own files are another's to it.
      const headers = { "content-type": types[extname(file)] ?? "application/octet-stream", "access-control-allow-origin": "*" };
      if (extname(file) === ".html") headers["content-security-policy"] = policy;
      response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
};

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

// A page at `query`, ready. Whatever it writes as an error to the console, or throws, is kept in `errors`.
export const open = async (browser, origin, query = "", options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const errors = [];
  const asked = [];
  page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${origin}/${query}`);
  await page.waitForFunction(() => window.kubarium !== undefined, null, { timeout: 60_000 });
  await page.evaluate(() => window.kubarium.ready);
  return { page, context, errors, asked };
};

// What axe finds.
export const axe = async (page) => {
  const source = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  // Evaluated by the protocol and not by the page: the page's own policy stays in force.
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, where: nodes.slice(0, 4).map((node) => node.target.join(" ")) }));
};

// What a file of tests needs: a server and a browser for as long as it runs. Gives `on`, which opens a page, lets
// `act` use it, and expects no error and no request to anywhere else; `on.browser()` and `on.origin()` are for what
// needs a context of its own.
export const suite = () => {
  let server;
  let browser;
  before(async () => {
    server = await serve();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });
  const on = async (query, options, act) => {
    const { page, context, errors, asked } = await open(browser, server.origin, query, options);
    try {
      await act(page, context);
      assert.deepEqual(errors, [], "the console has errors");
      assert.deepEqual(asked.filter((url) => !url.replace(/^blob:/, "").startsWith(server.origin)), [], "something was asked of elsewhere");
    } finally {
      await context.close();
    }
  };
  on.browser = () => browser;
  on.origin = () => server.origin;
  return on;
};

// Simulated time passes, and the screen has caught up with it: the slow parts follow within 200 ms.
export const rest = (page, ms = 20_000) => page.evaluate(async (forMs) => {
  await window.kubarium.run({ forMs });
  await new Promise((resolve) => setTimeout(resolve, 250));
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}, ms);

// Expects what `look` gives to become `expected`: the screen follows the world a frame or more behind.
export const eventually = async (look, expected, message) => {
  const limit = Date.now() + 10_000;
  let last = await look();
  while (last !== expected && Date.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    last = await look();
  }
  assert.equal(last, expected, message);
};

// Expects what is read in `locator` to come to match `pattern`.
export const reads = async (locator, pattern) => {
  const limit = Date.now() + 10_000;
  let last = await locator.innerText();
  while (!pattern.test(last) && Date.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    last = await locator.innerText();
  }
  assert.match(last, pattern);
};
