// Two schedulers and two controller managers: who leads is seen, and who takes over is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const handle = (page, name) => page.locator(`.things [data-pick="component:${name}"]`);
const label = (page, name) => () => handle(page, name).getAttribute("aria-label");
const members = ["kube-scheduler", "kube-scheduler/control-plane-2"];

test("a standby stands on the box of the leader, and takes over when that is frozen", () => on("?paused&seed=5&controlPlanes=2", {}, async (page) => {
  const labels = () => Promise.all(members.map((name) => label(page, name)()));
  const leads = async () => members[(await labels()).findIndex((text) => /leads$/.test(text))];
  await eventually(async () => (await labels()).filter((text) => /stands by$/.test(text)).length, 1);
  assert.deepEqual(await axe(page), []);
  const [leader] = [await leads()];
  const other = members.find((name) => name !== leader);
  // It is a thing like any other: the keyboard reaches it, and the panel shows it.
  for (const [name, words] of [[other, /stands by/], [leader, /leads/]]) {
    await page.evaluate(() => document.activeElement?.blur());
    await handle(page, name).focus();
    await page.keyboard.press("Enter");
    await reads(page.locator("#right-panel"), words);
  }
  await page.locator("section.break").getByRole("button", { name: "Freeze" }).click();
  await page.evaluate(() => window.kubarium.pause());
  await page.getByRole("tab", { name: /^Faults/ }).click();
  await rest(page, 30_000);
  await eventually(leads, other);
  const told = await page.locator(".faults .steps li").allTextContents();
  assert.ok(told.some((text) => /takes the lease kube-scheduler: its holder has not renewed it for 15 s/.test(text)), told.join("\n"));
}));

test("without the option there is one of each, and nothing says otherwise", () => on("?paused&seed=5", {}, async (page) => {
  await eventually(() => handle(page, "kube-scheduler").count(), 1);
  assert.equal(await handle(page, members[1]).count(), 0);
  assert.doesNotMatch(await label(page, "kube-scheduler")(), /leads/);
}));
