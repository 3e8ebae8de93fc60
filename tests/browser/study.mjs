// A rater at the study page: looks at it in three ways, answers by keyboard, reloads, goes on, saves.
// usage: node study.mjs PACKAGES CHROMIUM PROFILE JOB.json
// JOB.json: {"url", "rater", "answers": {trial: {label, confidence, trust}}, "downloads", "pictures"}
import { createRequire } from "node:module";
import { readFileSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";

const [packages, chromium, profile, jobFile] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const job = JSON.parse(readFileSync(jobFile, "utf8"));

const browser = await puppeteer.launch({
  executablePath: chromium,
  userDataDir: profile,
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
  ],
});
const session = await browser.target().createCDPSession();
await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: job.downloads });
const requests = [];
const faults = [];

async function open(context, view = {}) {
  const page = await context.newPage();
  page.on("request", (request) => requests.push(request.url().slice(0, 120)));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.setViewport({ width: view.width ?? 1280, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.scheme ?? "light" }]);
  await page.goto(job.url, { waitUntil: "load" });
  return page;
}

const seen = (page) => page.evaluate(() => {
  const study = JSON.parse(document.getElementById("study-data").textContent);
  const text = (id) => document.getElementById(id).textContent;
  const order = study.raters[text("who")] ?? [];
  const place = /^Sound (\d+) of/.exec(text("trial-head"));
  const screen = ["welcome", "trial", "end"].find((one) => !document.getElementById(one).hidden);
  const ticked = [...document.querySelectorAll("#trial input:checked")].map((box) => [box.name, box.value]);
  return {
    screen, rater: text("who"), head: text("trial-head"), trial: place ? order[place[1] - 1] : null,
    plays: text("plays"), said: text("trial-say"), welcome: text("welcome-say"), kept: text("kept"),
    machine: document.getElementById("machine").hidden ? "" : text("machine-says"),
    ready: document.getElementById("next").getAttribute("aria-disabled") === "false",
    ticked: Object.fromEntries(ticked), done: document.getElementById("all").value,
    focus: document.activeElement.id,
  };
});

const visited = [];
async function tabTo(page, test) {
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const one = document.activeElement;
      const box = one.closest("label.file") ?? one;
      const style = getComputedStyle(box);
      return {
        id: one.id, name: one.name ?? "", value: one.value ?? "", tag: one.tagName,
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
      };
    });
    visited.push(here);
    if (test(here)) return here;
  }
  throw new Error("not reachable by Tab");
}

// One of a group of radio buttons, as the keyboard has it: Tab into the group, Space, then arrows.
async function choose(page, name, value) {
  await tabTo(page, (here) => here.name === name);
  await page.keyboard.press("Space");
  for (let step = 0; step < 8; step += 1) {
    const chosen = await page.evaluate((group) => document.querySelector(`input[name=${group}]:checked`)?.value, name);
    if (chosen === String(value)) return;
    await page.keyboard.press("ArrowRight");
  }
  throw new Error(`no choice ${value} in ${name}`);
}

async function answer(page) {
  const before = await seen(page);
  const one = job.answers[before.trial];
  await page.keyboard.press("p");
  await page.waitForFunction(() => document.getElementById("plays").textContent === "Played 1 time.", { timeout: 10000 });
  for (const name of ["label", "confidence", "trust"]) await choose(page, name, one[name]);
  await page.keyboard.press("n");
  await page.waitForFunction((old) => document.getElementById("trial-head").textContent !== old
    || !document.getElementById("end").hidden, { timeout: 5000 }, before.head);
  return before;
}

async function check(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false }));
  return violations.map((one) => `${one.id} (${one.impact}): ${one.nodes[0].target} ${one.nodes[0].failureSummary}`);
}

// The file that a button hands over, under a name of its own: a second one of the same name would replace it.
async function saved(page, button, name) {
  await page.click(button);
  for (let step = 0; step < 200; step += 1) {
    const [fresh] = readdirSync(job.downloads).filter((one) => /^answers-.*[.]json$/.test(one));
    if (fresh) {
      renameSync(join(job.downloads, fresh), join(job.downloads, name));
      return { suggested: fresh, name };
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("nothing was downloaded");
}

try {
  const views = {};
  for (const [name, view] of Object.entries({
    light: { scheme: "light", width: 1280 }, dark: { scheme: "dark", width: 1280 }, telephone: { scheme: "light", width: 390 },
  })) {
    const context = await browser.createBrowserContext();
    const page = await open(context, view);
    const looks = { welcome: await check(page) };
    await page.screenshot({ path: `${job.pictures}/${name}-welcome.png` });
    await page.select("#rater", job.rater);
    await page.click("#begin");
    looks.trial = await check(page);
    await page.screenshot({ path: `${job.pictures}/${name}-trial.png`, fullPage: true });
    looks.wide = await page.evaluate(() => document.documentElement.scrollWidth);
    looks.paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    views[name] = looks;
    await context.close();
  }

  const page = await open(browser.defaultBrowserContext());
  const unready = [];
  await tabTo(page, (here) => here.id === "begin");
  await page.keyboard.press("Enter");
  unready.push((await seen(page)).welcome);
  await page.evaluate(() => document.getElementById("welcome-head").focus());
  await tabTo(page, (here) => here.id === "check");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("check").textContent === "Stop", { timeout: 5000 });
  await page.keyboard.press("Enter");
  await tabTo(page, (here) => here.id === "rater");
  await page.keyboard.type(job.rater);
  await tabTo(page, (here) => here.id === "begin");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !document.getElementById("trial").hidden);
  const first = await seen(page);
  await page.keyboard.press("n");
  unready.push((await seen(page)).said);
  const order = [await answer(page), await answer(page)];

  await page.keyboard.press("p");
  await page.waitForFunction(() => document.getElementById("plays").textContent === "Played 1 time.");
  await choose(page, "label", "unusable");
  await page.keyboard.press("n");
  unready.push((await seen(page)).said);
  const beforeReload = await seen(page);
  await page.reload({ waitUntil: "load" });
  const reloaded = await seen(page);
  await page.select("#rater", job.rater);
  await page.click("#begin");
  const resumed = await seen(page);
  const half = await saved(page, "#save", "half.json");

  await page.keyboard.press("p");
  await page.waitForFunction(() => document.getElementById("plays").textContent === "Played 2 times.");
  const third = await seen(page);
  for (const name of ["label", "confidence", "trust"]) await choose(page, name, job.answers[third.trial][name]);
  await page.keyboard.press("n");
  order.push(third);
  while ((await seen(page)).screen === "trial") order.push(await answer(page));
  const end = await seen(page);
  const whole = await saved(page, "#save-end", "whole.json");
  await page.reload({ waitUntil: "load" });
  await page.select("#rater", job.rater);
  await page.click("#begin");
  const again = await seen(page);

  const elsewhere = await browser.createBrowserContext();
  const other = await open(elsewhere);
  await (await other.$("#load")).uploadFile(jobFile);
  await other.waitForFunction(() => document.getElementById("welcome-say").textContent !== "");
  const refused = await seen(other);
  await (await other.$("#load")).uploadFile(join(job.downloads, half.name));
  await other.waitForFunction(() => !document.getElementById("trial").hidden, { timeout: 5000 });
  const carried = await seen(other);

  console.log(JSON.stringify({
    views, unready, first, order, beforeReload, reloaded, resumed, half, end, whole, again, refused, carried, visited,
    requests, faults,
  }));
} finally {
  await browser.close();
}
