// The pictures of docs/, in light and dark: `cargo xtask pictures` builds dist/ and runs this; by hand with names
// it takes only those: `node tests/page/pictures.mjs phone embed`.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open, rest, serve } from "./serve.mjs";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));

// So many pods run.
const pods = (replicas) => async (page) => {
  await page.evaluate((count) => window.kubarium.kubectl(`kubectl create deployment web --image=nginx:1.27 --replicas=${count}`), replicas);
  for (let tries = 0; tries < 60; tries += 1) {
    await rest(page, 2_000);
    if (await page.evaluate((count) => window.kubarium.stats().podsRunning >= count, replicas)) break;
  }
};

// Six pods on their way, stopped while packets are, the last of them picked.
const midFlight = async (page) => {
  const line = page.evaluate(() => window.kubarium.kubectl("kubectl create deployment web --image=nginx:1.27 --replicas=6"));
  await line;
  await page.evaluate(async () => {
    const k = window.kubarium;
    k.pause();
    for (let tries = 0; tries < 400 && k.stats().packetsInView < 6; tries += 1) {
      await k.run({ forMs: 0.2 });
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  });
  await page.waitForTimeout(400);
};

const picked = async (page) => {
  await midFlight(page);
  await page.locator("#plate").focus();
  await page.keyboard.press(",");
  await page.waitForTimeout(500);
};

const pictures = {
  apply: { act: picked },
  small: { act: midFlight, options: { viewport: { width: 1024, height: 768 } } },
  phone: { act: midFlight, options: { viewport: { width: 390, height: 844 }, hasTouch: true } },
  zoom400: { act: midFlight, options: { viewport: { width: 360, height: 225 }, deviceScaleFactor: 4 } },
  "pods-1": { act: pods(1) },
  "pods-30": { act: pods(30) },
  "pods-500": { query: "&nodes=50", act: pods(500) },
  embed: {
    query: "&embed",
    options: { viewport: { width: 720, height: 420 } },
    act: async (page) => {
      await page.getByRole("button", { name: "Play" }).click();
      await midFlight(page);
    },
  },
};

const server = await serve();
const browser = await launch();
mkdirSync(docs, { recursive: true });
try {
  const asked = process.argv.slice(2);
  for (const [name, { query = "", options = {}, act }] of Object.entries(pictures)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    for (const theme of ["light", "dark"]) {
      const { page, context } = await open(browser, server.origin, `?paused&theme=${theme}${query}`, options);
      await act(page);
      // Nothing is hovered, and no text cursor blinks.
      await page.mouse.move(2, 2);
      await page.screenshot({ path: `${docs}${name}-${theme}.png`, caret: "hide" });
      await context.close();
    }
  }
} finally {
  await browser.close();
  server.close();
}
