// The measurements of `cargo xtask bench` in headless Chromium: one row a line, `what<TAB>target<TAB>measured`.
// It needs the optimized dist/ and, for the bare kernel, the Wasm of xtask/kernel in KERNEL_WASM.
import { readFile } from "node:fs/promises";
import { launch, open, serve } from "./serve.mjs";

const deployment = (replicas, request = "10m") => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - { name: web, image: 'nginx:1.27', resources: { requests: { cpu: ${request}, memory: 16Mi } } }
`;

const row = (what, target, measured) => console.log(`${what}\t${target}\t${measured}`);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const ms = (number) => `${number.toFixed(1)} ms`;

const server = await serve();
const browser = await launch();

// A page for one measurement, and what it gives.
const on = async (query, act, options) => {
  const { page, context } = await open(browser, server.origin, query, options);
  try {
    return await act(page);
  } finally {
    await context.close();
  }
};

const opening = async () => {
  const readings = [];
  for (let round = 0; round < 5; round += 1) {
    readings.push(await on("?paused", (page) => page.evaluate(async () => {
      await window.kubarium.ready;
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
      return Math.max(paint, performance.getEntriesByName("kubarium-ready")[0].startTime);
    })));
  }
  row("page open → cluster ready and first paint", "≤ 500 ms", `${ms(median(readings))}, median of 5`);
};

const kernel = async () => {
  if (!process.env.KERNEL_WASM) return;
  const bytes = [...await readFile(process.env.KERNEL_WASM)];
  const rate = await on("?paused", (page) => page.evaluate(async (bytes) => {
    const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes), {});
    const readings = [];
    for (let round = 0; round < 5; round += 1) {
      const begun = performance.now();
      const handled = Number(instance.exports.ring(300_000n));
      readings.push(handled / (performance.now() - begun) / 1_000);
    }
    return readings.sort((a, b) => a - b)[2];
  }, bytes));
  row("kernel throughput", "≥ 1 M events/s", `${rate.toFixed(2)} M events/s`);
};

const thousand = async () => {
  const fast = await on("?paused&nodes=100", (page) => page.evaluate(async (text) => {
    const k = window.kubarium;
    const [from, events] = [k.now(), k.stats().eventsHandled];
    const begun = performance.now();
    await k.kubectl("apply -f -", text);
    for (;;) {
      await k.run({ forMs: 500 });
      const response = await k.fetch("/apis/apps/v1/namespaces/default/deployments/web");
      if ((await response.json()).status?.readyReplicas === 1_000) break;
      if (k.now() - from > 600_000) throw new Error("1,000 replicas did not become Ready");
    }
    return { wall: performance.now() - begun, simulated: k.now() - from, events: k.stats().eventsHandled - events };
  }, deployment(1_000)));
  row("1,000 replicas on 100 nodes, apply → all Ready", "≤ 1 s", `${(fast.wall / 1_000).toFixed(2)} s wall, ${(fast.simulated / 1_000).toFixed(1)} s simulated, ${fast.events} events`);
  const frames = await on("?paused&nodes=100", async (page) => {
    await page.evaluate(async (text) => {
      const k = window.kubarium;
      k.speed(10);
      window.benchFrames = { longest: 0, over: 0, count: 0 };
      const look = () => {
        const { frameMs } = k.stats();
        window.benchFrames.longest = Math.max(window.benchFrames.longest, frameMs);
        window.benchFrames.over += frameMs > 16 ? 1 : 0;
        window.benchFrames.count += 1;
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
      await k.kubectl("apply -f -", text);
      k.play();
    }, deployment(1_000));
    await page.waitForFunction(() => window.kubarium.stats().podsRunning >= 1_000, null, { timeout: 300_000 });
    return page.evaluate(() => window.benchFrames);
  });
  row("longest frame while 1,000 replicas come up at 10×, scripting", "≤ 16 ms", `${ms(frames.longest)}, ${frames.over} of ${frames.count} over 16 ms`);
};

// Thirty Deployments of 1,000 on 1,000 nodes. How much memory the module takes is read off its own memory, which only
// grows.
const many = async () => {
  const found = await on("?paused&nodes=1000", async (page) => {
    await page.addInitScript(() => {
      for (const name of ["instantiate", "instantiateStreaming"]) {
        const real = WebAssembly[name];
        WebAssembly[name] = async (...given) => {
          const made = await real.apply(WebAssembly, given);
          window.benchMemory = (made.instance ?? made).exports.memory;
          return made;
        };
      }
    });
    await page.reload();
    await page.waitForFunction(() => window.kubarium?.ready);
    return page.evaluate(async (texts) => {
      const k = window.kubarium;
      await k.ready;
      const from = k.now();
      const begun = performance.now();
      window.benchLongest = 0;
      const look = () => {
        window.benchLongest = Math.max(window.benchLongest, k.stats().frameMs);
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
      for (const text of texts) await k.kubectl("apply -f -", text);
      // What takes longer than this is told as far as it came.
      while (k.stats().podsRunning < 30_000 && performance.now() - begun < 300_000) await k.run({ forMs: 250 });
      const mib = (window.benchMemory?.buffer.byteLength ?? 0) / 1_048_576;
      return { wall: performance.now() - begun, simulated: k.now() - from, mib, longest: window.benchLongest, pods: k.stats().podsRunning };
    }, Array.from({ length: 30 }, (_, index) => deployment(1_000).replaceAll("web", `web-${index}`)));
  });
  row("1,000 nodes, 30,000 pods, apply → all Ready", "", `${found.pods < 30_000 ? `given up with ${found.pods.toLocaleString("en")} Running after ` : ""}${(found.wall / 1_000).toFixed(0)} s wall, ${(found.simulated / 1_000).toFixed(0)} s simulated, ${found.mib.toFixed(0)} MiB, longest frame ${ms(found.longest)}`);
};

// Every kubelet watches Services: one that is created leaves the API server as one watch event a node. Lines typed
// at one moment run side by side.
const packets = async () => {
  for (const [count, nodes] of [[100, 100], [1_000, 1_000], [2_000, 1_000]]) {
    const services = count > nodes ? 3 : 1;
    const found = await on(`?paused&nodes=${nodes}`, async (page) => {
      await page.locator(".cm-content").waitFor();
      await page.evaluate(() => window.kubarium.speed(0.0001));
      for (let number = 0; number < services; number += 1) {
        await page.locator("#editor").fill(`apiVersion: v1\nkind: Service\nmetadata: { name: web-${number} }\nspec: { ports: [{ port: 80 }] }\n`);
        await page.getByRole("button", { name: "Apply", exact: true }).click();
        await page.evaluate(() => window.kubarium.pause());
      }
      return page.evaluate(async (count) => {
        const k = window.kubarium;
        for (let tries = 0; k.stats().messagesInFlight < count && tries < 10_000; tries += 1) await k.run({ forMs: 0.02 });
        k.play();
        const readings = [];
        let drawn = 0;
        for (let frame = 0; frame < 65; frame += 1) {
          await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
          const { frameMs, packetsInView } = k.stats();
          if (frame >= 5) readings.push(frameMs);
          drawn = Math.max(drawn, packetsInView);
        }
        return { ms: readings.sort((a, b) => a - b)[30], drawn };
      }, count);
    });
    const told = services === 1 ? "one Service is" : `${services} Services are`;
    row(`frame while ${told} told to ${nodes.toLocaleString("en")} kubelets, scripting`, count === 1_000 ? "≤ 4 ms" : "", `${ms(found.ms)} median of 60, ${found.drawn.toLocaleString("en")} packets`);
  }
};

const layout = async () => {
  const found = await on("?paused&nodes=50", async (page) => {
    await page.evaluate(async (text) => {
      await window.kubarium.kubectl("apply -f -", text);
      await window.kubarium.run({ forMs: 60_000 });
    }, deployment(500));
    const readings = [];
    for (let round = 0; round < 5; round += 1) {
      await page.getByRole("radio", { name: "Table" }).click();
      const button = await page.getByRole("radio", { name: "Diagram" }).elementHandle();
      readings.push(await page.evaluate((button) => new Promise((resolve) => {
        const begun = performance.now();
        button.click();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
      }), button));
    }
    return median(readings);
  });
  row("laying out 500 pods on 50 nodes", "≤ 50 ms", `${ms(found)} median of 5, to the frame that shows it`);
};

const seeking = async () => {
  const found = await on("?paused", (page) => page.evaluate(async (text) => {
    const k = window.kubarium;
    await k.kubectl("apply -f -", text);
    const from = k.now();
    for (let minute = 1; minute <= 10; minute += 1) {
      await k.run({ forMs: 60_000 });
      await k.kubectl(`scale deployment web --replicas=${3 + (minute % 5)}`);
    }
    const length = k.now() - from;
    const readings = [];
    let seed = 7;
    for (let round = 0; round < 25; round += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      const begun = performance.now();
      k.seek(from + (seed / 2_147_483_647) * length);
      readings.push(performance.now() - begun);
    }
    return readings.sort((a, b) => a - b);
  }, deployment(6)));
  row("seek to a random point of a 10-minute run", "≤ 100 ms", `${ms(found[12])} median of 25, longest ${ms(found[24])}`);
};

const idle = async () => {
  const times = await on("?paused&nodes=100", (page) => page.evaluate(async () => {
    const k = window.kubarium;
    await k.run({ forMs: 30_000 });
    const begun = performance.now();
    await k.run({ forMs: 300_000 });
    return 300_000 / (performance.now() - begun);
  }));
  row("idle 100-node cluster", "≥ 1,000 × real time", `${times.toFixed(0)} × real time`);
};

const pressing = async () => {
  const readings = [];
  for (let round = 0; round < 5; round += 1) {
    readings.push(await on("", async (page) => {
      await page.evaluate(() => {
        const button = [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === "Apply");
        window.benchPressed = new Promise((resolve) => {
          button.addEventListener("click", () => {
            const begun = performance.now();
            const look = () => (window.kubarium.stats().packetsInView > 0 ? resolve(performance.now() - begun) : requestAnimationFrame(look));
            look();
          }, { capture: true, once: true });
        });
      });
      await page.getByRole("button", { name: "Apply" }).click();
      return page.evaluate(() => window.benchPressed);
    }));
  }
  row("pressing Apply → first packet on screen", "≤ 500 ms", `${ms(median(readings))} median of 5`);
};

const resting = async () => {
  const frames = await on("?paused", async (page) => {
    await page.waitForTimeout(500);
    return page.evaluate(async () => {
      let count = 0;
      const real = window.requestAnimationFrame;
      window.requestAnimationFrame = (act) => { count += 1; return real(act); };
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      return count;
    });
  });
  row("frames drawn while paused for 5 s", "0", String(frames));
};

// A row alone, while it is worked on: `node tests/page/bench.mjs packets`.
const all = { opening, kernel, thousand, many, idle, packets, layout, seeking, pressing, resting };
const asked = process.argv.slice(2);
try {
  for (const measure of asked.length > 0 ? asked.map((name) => all[name]) : Object.values(all)) await measure();
} finally {
  await browser.close();
  server.close();
}
