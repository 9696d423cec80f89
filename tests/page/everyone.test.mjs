// For everyone: keys, zoom and touch, what is spoken, reduced motion, targets, little room, forced colours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const kubectl = (page, line) => page.evaluate((text) => window.kubarium.kubectl(text), line);
const thing = (page, pick) => page.locator(`svg.things [data-pick='${pick}'][role=button]`);
const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute("data-pick") ?? document.activeElement?.ariaLabel);
const closeness = (page) => page.locator("#closeness");
const six = async (page) => {
  await kubectl(page, "kubectl create deployment web --image=nginx:1.27 --replicas=6");
  await rest(page, 12_000);
  await page.waitForFunction(() => document.querySelectorAll("svg.things .pt.p-run").length === 6);
};

test("letters act in the stage alone, and all keys are listed", () => on("?paused", {}, async (page) => {
  await six(page);
  const theme = page.getByRole("button", { name: "Switch theme" });
  await theme.focus();
  for (const key of ["?", ",", "f", "+"]) await page.keyboard.press(key);
  await page.waitForTimeout(300);
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await page.getByRole("tab", { name: "Story" }).count(), 0);
  await reads(closeness(page), /^100 %$/);
  await page.locator("#plate").focus();
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keys" });
  await list.waitFor();
  const keys = (await list.locator("kbd").allInnerTexts()).join(" ");
  for (const key of ["Space", "Esc", "Enter", "Home", "End", ",", ".", "F", "[", "]", "+", "−", "0", "?", "↑", "→", "PageUp", "Ctrl+Enter"]) {
    assert.ok(keys.split(" ").includes(key), `${key} is not listed`);
  }
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press("Escape");
  await eventually(() => list.count(), 0);
  await eventually(() => page.evaluate(() => document.activeElement?.id), "plate");
  await page.getByRole("main").getByRole("button", { name: "Keys", exact: true }).click();
  await list.waitFor();
  await list.getByRole("button", { name: "Close" }).click();
  await eventually(() => list.count(), 0);
  await page.locator("#plate").focus();
  await page.keyboard.press("f");
  await page.getByRole("tab", { name: "Story" }).waitFor();
  await page.keyboard.press("Escape");
  await eventually(() => page.getByRole("tab", { name: "Story" }).count(), 0);
}));

test("arrows follow wires and rows, and there is one tab stop", () => on("?paused", {}, async (page) => {
  await six(page);
  const press = async (key, expected) => {
    await page.keyboard.press(key);
    await eventually(() => focused(page), expected, key);
  };
  await thing(page, "component:kubectl").focus();
  await press("ArrowRight", "component:kube-apiserver");
  await press("ArrowRight", "component:etcd");
  await press("ArrowLeft", "component:kube-apiserver");
  await press("ArrowUp", "component:kube-controller-manager");
  await press("ArrowLeft", "component:kube-scheduler");
  await press("ArrowDown", "component:kube-apiserver");
  await press("ArrowDown", "component:kubelet/node-b");
  await press("ArrowDown", "component:containerd/node-b");
  await press("ArrowRight", "component:containerd/node-c");
  await press("ArrowUp", "component:kubelet/node-c");
  await press("ArrowUp", "component:kube-apiserver");
  await press("ArrowDown", "component:kubelet/node-b");
  await press("ArrowLeft", "node:node-b");
  await thing(page, "component:containerd/node-a").focus();
  await page.keyboard.press("ArrowDown");
  await eventually(async () => (await focused(page)).startsWith("pod:"), true);
  const first = await focused(page);
  await page.keyboard.press("ArrowRight");
  await eventually(async () => { const now = await focused(page); return now.startsWith("pod:") && now !== first; }, true);
  assert.equal(await page.locator("svg.things [data-pick][tabindex='0']").count(), 1);
  await press("Home", await page.locator("svg.things [data-pick]").first().getAttribute("data-pick"));
  // Enter selects, Enter again opens, Escape leaves and gives the focus back.
  await thing(page, "component:etcd").focus();
  await page.keyboard.press("Enter");
  await page.locator("svg.things .crop").waitFor();
  await page.keyboard.press("Enter");
  await page.locator("#inside-title").waitFor();
  await page.keyboard.press("Escape");
  await eventually(() => focused(page), "component:etcd");
}));

test("the tab stop outlives the pod it was on", () => on("?paused", {}, async (page) => {
  await six(page);
  await thing(page, "component:containerd/node-a").focus();
  await page.keyboard.press("ArrowDown");
  await eventually(async () => (await focused(page)).startsWith("pod:"), true);
  await kubectl(page, "kubectl delete deployment web");
  await rest(page, 60_000);
  await eventually(() => page.locator("svg.things [data-pick^='pod:']").count(), 0);
  await eventually(() => page.locator("svg.things [data-pick][tabindex='0']").count(), 1);
}));

for (const [name, viewport] of [["wide", { width: 1440, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
  test(`Pause is the stage's first stop: ${name}`, () => on("?paused", { viewport }, async (page) => {
    const label = await page.evaluate(() => {
      const stops = [...document.querySelector("main").querySelectorAll("button, a, input, select, [tabindex='0']")];
      return stops.find((stop) => stop.tabIndex >= 0 && stop.checkVisibility())?.ariaLabel;
    });
    assert.equal(label, "Play");
    await page.getByRole("main").getByRole("button", { name: "Play" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("main").getByRole("button", { name: "Pause" }).waitFor();
  }));
}

test("the stage is zoomed by keys, buttons and Ctrl with the wheel, and moved by dragging", () => on("?paused", {}, async (page) => {
  await page.locator("#plate").focus();
  await page.keyboard.press("+");
  await reads(closeness(page), /^140 %$/);
  await page.keyboard.press("0");
  await reads(closeness(page), /^100 %$/);
  const zoom = page.getByRole("group", { name: "Zoom" });
  await zoom.getByRole("button", { name: "Closer" }).click();
  await zoom.getByRole("button", { name: "Closer" }).click();
  await reads(closeness(page), /^196 %$/);
  const plate = await page.locator("#plate").boundingBox();
  const [x, y] = [plate.x + plate.width / 2, plate.y + plate.height / 2];
  const scrolled = () => page.evaluate(() => { const plate = document.getElementById("plate"); return [plate.scrollLeft, plate.scrollTop]; });
  const before = await scrolled();
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x - 40, y - 30, { steps: 4 });
  await page.mouse.up();
  const after = await scrolled();
  assert.ok(Math.abs(after[0] - before[0] - 40) <= 2 && Math.abs(after[1] - before[1] - 30) <= 2, `${before} to ${after}`);
  await page.waitForTimeout(300);
  assert.equal(await page.locator("svg.things .crop").count(), 0, "a drag is no click");
  // Ctrl and the wheel: what lies under the pointer stays there. The wheel alone is the page's.
  const wheel = (ctrlKey) => page.evaluate(([x, y, ctrlKey]) => {
    const target = document.elementFromPoint(x, y);
    return !target.dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true, clientX: x, clientY: y, deltaY: -60, ctrlKey }));
  }, [x, y, ctrlKey]);
  const under = () => page.evaluate(([x, y]) => { const fit = document.getElementById("fit").getBoundingClientRect(); return [(x - fit.left) / fit.width, (y - fit.top) / fit.height]; }, [x, y]);
  const spot = await under();
  assert.equal(await wheel(false), false, "the plain wheel is taken");
  await reads(closeness(page), /^196 %$/);
  assert.equal(await wheel(true), true);
  await reads(closeness(page), /^249 %$/);
  const there = await under();
  assert.ok(Math.hypot(there[0] - spot[0], there[1] - spot[1]) < 0.01, `${spot} became ${there}`);
  assert.ok(await page.evaluate(() => { const canvas = document.querySelector("canvas"); return canvas.width * canvas.height < 6.1e6; }));
  // A double click on the ground fits.
  await zoom.getByRole("button", { name: /whole stage/ }).click();
  await reads(closeness(page), /^100 %$/);
  await page.keyboard.press("+");
  const ground = await page.evaluate(([left, top, width, height]) => {
    for (let x = left + 8; x < left + width; x += 8) {
      for (let y = top + 8; y < top + height; y += 8) {
        const there = document.elementFromPoint(x, y);
        if (there?.closest("#plate") && !there.closest("[data-pick], [role=button]")) return [x, y];
      }
    }
    return [];
  }, [plate.x, plate.y, plate.width, plate.height]);
  await page.mouse.dblclick(...ground);
  await reads(closeness(page), /^100 %$/);
}));

test("two fingers zoom, one moves, a tap picks", () => on("?paused", { viewport: { width: 390, height: 844 }, hasTouch: true }, async (page, context) => {
  const hand = await context.newCDPSession(page);
  const touch = (type, ...points) => hand.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const plate = await page.locator("#plate").boundingBox();
  const [x, y] = [plate.x + plate.width / 2, plate.y + plate.height / 2];
  const width = () => page.evaluate(() => document.getElementById("fit").getBoundingClientRect().width);
  const before = await width();
  await touch("touchStart", [x - 40, y], [x + 40, y]);
  for (const by of [50, 60, 70, 80]) await touch("touchMove", [x - by, y], [x + by, y]);
  await touch("touchEnd");
  await eventually(async () => Math.abs(await width() / before - 2) < 0.1, true, "the fingers are twice as far apart");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page scrolls sideways");
  const left = () => page.evaluate(() => document.getElementById("plate").scrollLeft);
  const from = await left();
  await touch("touchStart", [x, y]);
  for (const by of [10, 20, 30, 40]) await touch("touchMove", [x - by, y]);
  await touch("touchEnd");
  await eventually(async () => await left() - from > 25, true, "one finger moves it");
  const zoom = page.getByRole("group", { name: "Zoom" });
  for (let press = 0; press < 3; press += 1) await zoom.getByRole("button", { name: "Farther" }).click();
  await eventually(async () => Math.round(await width()) === Math.round(before), true);
  // The plate settles a frame or two after its size.
  await page.waitForTimeout(500);
  const box = await thing(page, "component:etcd").boundingBox();
  await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height - 6);
  await eventually(() => page.locator("svg.things .crop").count(), 1);
}));

test("what is spoken comes every two seconds at most, with the pods", () => on("", {}, async (page) => {
  const told = page.evaluate(() => new Promise((resolve) => {
    const out = [];
    const region = document.querySelector("main [aria-live=polite]");
    new MutationObserver(() => out.push([performance.now(), region.textContent])).observe(region, { childList: true, characterData: true, subtree: true });
    setTimeout(() => resolve(out), 9_000);
  }));
  await page.evaluate(() => { window.kubarium.speed(0.1); });
  await page.getByRole("button", { name: "Apply" }).click();
  const all = await told;
  const moments = all.filter(([at], index) => index === 0 || at - all[index - 1][0] > 20).map(([at]) => at);
  assert.ok(moments.length >= 2, JSON.stringify(all));
  for (const [index, at] of moments.entries()) {
    if (index > 0) assert.ok(at - moments[index - 1] >= 1_900, `${at - moments[index - 1]} ms between two`);
  }
  assert.ok(all.some(([, text]) => /Pods: \d+ \w+/.test(text)), JSON.stringify(all));
}));

test("with reduced motion packets stand, and move only now and then or by a step", () => on("?paused", { reducedMotion: "reduce" }, async (page) => {
  await page.evaluate(() => window.kubarium.speed(0.002));
  await page.getByRole("button", { name: "Apply" }).click();
  const changes = () => page.evaluate(() => new Promise((resolve) => {
    const canvas = document.querySelector("canvas");
    let [last, count] = ["", -1];
    const end = performance.now() + 3_000;
    const look = () => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let sum = 0;
      for (let at = 3; at < data.length; at += 4) sum = (sum * 31 + data[at]) % 2_147_483_647;
      if (String(sum) !== last) count += 1;
      last = String(sum);
      if (performance.now() < end) requestAnimationFrame(look); else resolve(count);
    };
    look();
  }));
  await page.waitForFunction(() => window.kubarium.stats().packetsInView > 0);
  const moved = await changes();
  assert.ok(moved >= 1 && moved <= 6, `${moved} pictures in 3 s`);
  await page.evaluate(() => window.kubarium.pause());
  // The frame that follows the pause still shows the present.
  await page.waitForTimeout(1_000);
  assert.equal(await changes(), 0, "paused, nothing moves");
  const at = await page.evaluate(() => window.kubarium.now());
  await page.getByRole("button", { name: "Step forward" }).click();
  await eventually(async () => await page.evaluate(() => window.kubarium.now()) > at, true);
}));

// What is pressed and smaller than 24 px. Left out: what is clipped away until it has the focus; what the SVG draws
// small because there are many (pods and nodes as glyphs, the queue, the legend, power buttons), each of which the
// table, the filter or the inspector has as a full-sized control; and lines of text in the terminal, as high as text is.
const small = (page) => page.evaluate(() => {
  const all = document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=button], [role=tab], [role=radio], [role=slider], [tabindex='0']");
  const out = [];
  for (const one of all) {
    if (!one.checkVisibility({ visibilityProperty: true })) continue;
    if (getComputedStyle(one).clipPath.startsWith("inset(50%")) continue;
    if (one.closest(".cm-editor") || one.matches(".packetstop, .legendrow, .log .row, .act, [data-pick^='pod:'], [data-pick^='node:'].handle")) continue;
    const { width, height } = one.matches("input[type=checkbox]") ? one.closest("label").getBoundingClientRect() : one.getBoundingClientRect();
    if (width > 0 && height > 0 && (width < 23.9 || height < 23.9)) out.push(`${one.tagName} ${one.className.baseVal ?? one.className} "${(one.ariaLabel ?? one.textContent).slice(0, 30)}" ${width.toFixed(1)} × ${height.toFixed(1)}`);
  }
  return out;
});

test("everything that is pressed is 24 px at least, in every view", () => on("?paused", {}, async (page) => {
  const look = async (where) => assert.deepEqual(await small(page), [], where);
  await look("at first");
  await six(page);
  await look("diagram");
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.locator("#prompt").fill("get pods");
  await page.keyboard.press("Enter");
  await rest(page, 500);
  await look("terminal");
  await page.getByRole("tab", { name: "Events" }).click();
  await look("events");
  await page.getByRole("radio", { name: "Messages" }).click();
  await look("messages");
  await page.getByRole("radio", { name: "Table" }).click();
  await page.locator(".tables").waitFor();
  await look("table");
  await page.getByRole("radio", { name: "Diagram" }).click();
  for (const pick of ["component:etcd", "component:kube-scheduler", "node:node-a"]) {
    await thing(page, pick).focus();
    await page.keyboard.press("Enter");
    await page.locator("svg.things .crop").first().waitFor();
    await page.waitForTimeout(300);
    await look(pick);
  }
  await page.keyboard.press("Escape");
  for (const place of ["kube-apiserver", "etcd", "kube-scheduler", "kube-controller-manager", "kubelet/node-a", "containerd/node-a"]) {
    const at = await thing(page, `component:${place}`).boundingBox();
    await page.mouse.dblclick(at.x + 20, at.y + 12);
    await page.locator("#inside-title").waitFor();
    await look(`inside ${place}`);
    await page.keyboard.press("Escape");
    await eventually(() => page.locator("#inside-title").count(), 0);
  }
  await page.getByRole("button", { name: "Filter" }).click();
  await look("filter");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Export" }).click();
  await look("export");
  await page.keyboard.press("Escape");
  for (const name of ["New cluster", "Share", "Embed"]) {
    await page.getByRole("banner").getByRole("button", { name }).click();
    await page.getByRole("dialog").waitFor();
    await look(name);
    await page.keyboard.press("Escape");
    await eventually(() => page.getByRole("dialog").count(), 0);
  }
  await page.locator("#plate").focus();
  await page.keyboard.press("f");
  await page.getByRole("tab", { name: "Story" }).waitFor();
  await page.waitForTimeout(300);
  await look("story");
}));

test("menu and filter close by a press elsewhere and by Escape", () => on("?paused", {}, async (page) => {
  for (const [name, opened] of [["Export", "#export"], ["Filter", "#filter"]]) {
    const button = page.getByRole("button", { name });
    await button.click();
    await page.locator(opened).waitFor();
    await page.mouse.click(40, 400);
    await eventually(() => page.locator(opened).count(), 0, `${name}, pressed elsewhere`);
    await button.click();
    await page.locator(opened).waitFor();
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("Escape");
    await eventually(() => page.locator(opened).count(), 0, `${name}, Escape`);
    await eventually(() => page.evaluate(() => document.activeElement?.textContent), name);
  }
}));

test("the log and the tables say what the picture shows", () => on("?paused", {}, async (page) => {
  await page.evaluate(() => window.kubarium.speed(0.0005));
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForFunction(() => window.kubarium.stats().packetsInView > 0);
  await page.evaluate(() => window.kubarium.pause());
  await page.getByRole("radio", { name: "Table" }).click();
  const table = (caption) => page.locator("table", { has: page.locator("caption", { hasText: caption }) });
  await reads(table("Packets under way").locator("tbody tr").first(), /(Request|Response)[\s\S]*(kubectl|kube-apiserver)/);
  await reads(table("Components").locator("tbody"), /kube-apiserver[\s\S]*running[\s\S]*watches \d+/);
  await page.getByRole("tab", { name: "Events" }).click();
  await page.getByRole("radio", { name: "Messages" }).click();
  await reads(page.locator("#right-panel ol.rows li").first(), /(kubectl to kube-apiserver|kube-apiserver to kubectl)/);
  const name = await thing(page, "component:etcd").count();
  assert.equal(name, 0, "the table stands in place of the diagram");
  await page.getByRole("radio", { name: "Diagram" }).click();
  await eventually(async () => /^etcd, rev \d+, keys \d+$/.test(await thing(page, "component:etcd").getAttribute("aria-label")), true);
}));

for (const [name, options] of [
  ["280 px", { viewport: { width: 280, height: 600 } }],
  ["400 % of 1440 × 900", { viewport: { width: 360, height: 225 }, deviceScaleFactor: 4 }],
  ["a phone on its side", { viewport: { width: 844, height: 390 }, hasTouch: true }],
]) {
  test(`nothing is out of reach: ${name}`, () => on("?paused&theme=light", options, async (page) => {
    await six(page).catch(() => {});
    const fits = async (where) => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} scrolls sideways`);
    await fits("at first");
    // Every control lies within the page's width, and comes into view.
    const beyond = await page.evaluate(async () => {
      const out = [];
      for (const one of document.querySelectorAll("button, select, [role=slider], .cm-editor, #prompt")) {
        if (!one.checkVisibility() || getComputedStyle(one).clipPath.startsWith("inset(50%") || one.matches(".packetstop")) continue;
        one.scrollIntoView({ block: "nearest", inline: "nearest" });
        const { left, right, top, bottom } = one.getBoundingClientRect();
        if (left < -1 || right > innerWidth + 1 || bottom < 1 || top > innerHeight - 1) out.push(`${one.ariaLabel ?? one.textContent.slice(0, 30)} ${[left, right, top, bottom].map(Math.round)}`);
      }
      return out;
    });
    assert.deepEqual(beyond, []);
    for (const tab of ["Inspector", "kubectl", "YAML"]) {
      const button = page.getByRole("tab", { name: tab }).or(page.getByRole("button", { name: tab, exact: true })).locator("visible=true").first();
      if (await button.count() > 0) await button.click();
      await fits(tab);
    }
    const close = page.locator(".closebtn:visible").first();
    if (await close.count() > 0) await close.click();
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("dialog").waitFor();
    await fits("the dialog");
    await page.keyboard.press("Escape");
    assert.deepEqual(await axe(page), []);
  }));
}

test("forced colours leave shapes and words", () => on("?paused", { forcedColors: "active" }, async (page) => {
  await six(page);
  const seen = await page.evaluate(() => {
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    const paint = (selector) => { const { backgroundColor, color } = style(selector); return [backgroundColor, color]; };
    return {
      handle: style(".things .handle").fill,
      box: style(".things .box").fill,
      word: style(".things .t").fill,
      chosen: paint(".seg [aria-checked=true]"),
      other: paint(".seg [aria-checked=false]"),
      solid: paint(".btn.solid"),
    };
  });
  assert.match(seen.handle, /rgba\(0, 0, 0, 0\)|transparent/, "handles cover nothing");
  assert.notEqual(seen.box, seen.word);
  assert.notEqual(seen.chosen[0], seen.other[0], "what is chosen differs");
  assert.notEqual(seen.solid[0], seen.solid[1]);
}));

test("an embed has its legend and zooms", () => on("?embed", { viewport: { width: 720, height: 420 } }, async (page) => {
  await page.locator("svg.things .legend").getByText("watch event").waitFor();
  await page.getByRole("button", { name: "Play" }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  const width = () => page.evaluate(() => document.getElementById("fit").getBoundingClientRect().width);
  const before = await width();
  const taken = await page.evaluate(() => !document.querySelector("svg.things .box").dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true, clientX: 300, clientY: 150, deltaY: -100, ctrlKey: true })));
  assert.ok(taken);
  await eventually(async () => await width() > before * 1.3, true);
  await page.goto(`${new URL(page.url()).origin}/?embed&hide=legend`);
  await page.waitForFunction(() => window.kubarium !== undefined);
  await page.locator("svg.things .box").first().waitFor();
  assert.equal(await page.locator("svg.things .legend").isVisible(), false);
}));
