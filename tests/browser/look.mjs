// Opens reports in headless Chromium and prints what it found as one JSON object.
// usage: node look.mjs PACKAGES CHROMIUM PROFILE JOB.json
// PACKAGES: folder whose node_modules hold puppeteer-core and axe-core.
// JOB.json: {"pages": {name: {"url", "scheme", "width", "picture"?, "axe"?, "print"?, "keys"?}}}
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
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

const listed = () => {
  const body = document.querySelector("#items-table tbody");
  return {
    rows: body.rows.length,
    first: body.rows.length ? [...body.rows[0].cells].map((cell) => cell.textContent) : [],
    last: body.rows.length ? [...body.rows[body.rows.length - 1].cells].map((cell) => cell.textContent) : [],
    sort: [...document.querySelectorAll("#items-table thead th")].map((head) => head.getAttribute("aria-sort")),
    said: document.querySelector("#items-count").textContent,
    focus: document.activeElement.id || document.activeElement.textContent,
  };
};

// Nothing but Tab, letters and Enter: what a reader without a mouse can do.
async function byKeyboard(page, keys) {
  const visited = [];
  const tabTo = async (test) => {
    for (let step = 0; step < 400; step += 1) {
      await page.keyboard.press("Tab");
      const here = await page.evaluate(() => {
        const one = document.activeElement;
        const style = getComputedStyle(one);
        const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        return { tag: one.tagName, id: one.id, text: one.textContent.trim().slice(0, 60), outlined: seen };
      });
      visited.push(here);
      if (test(here)) return here;
    }
    throw new Error("not reachable by Tab");
  };
  await tabTo((here) => here.id === "items-search");
  const before = await page.evaluate(listed);
  await page.keyboard.type(keys.search);
  const filtered = await page.evaluate(listed);
  const head = await tabTo((here) => here.tag === "BUTTON" && here.text.startsWith(keys.sort));
  await page.keyboard.press("Enter");
  const rising = await page.evaluate(listed);
  await page.keyboard.press("Enter");
  const falling = await page.evaluate(listed);
  await tabTo((here) => here.id === "items-more");
  await page.keyboard.press("Enter");
  const more = await page.evaluate(listed);
  return { before, filtered, rising, falling, more, head, visited };
}

async function look(plan) {
  const page = await browser.newPage();
  const requests = [];
  const faults = [];
  page.on("request", (request) => requests.push(request.url().slice(0, 200)));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.setViewport({ width: plan.width, height: plan.height ?? 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: plan.scheme }]);
  await page.goto(plan.url, { waitUntil: "load", timeout: 60000 });
  const found = await page.evaluate(async () => {
    const players = [...document.querySelectorAll("audio")];
    const wait = (one) => new Promise((done) => {
      if (one.readyState) done();
      one.onloadedmetadata = one.onerror = done;
      one.preload = "metadata";
      setTimeout(done, 3000);
    });
    const [timing] = performance.getEntriesByType("navigation");
    await Promise.all(players.map(wait));
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    const root = document.documentElement;
    const first = document.querySelector("header svg, main svg");
    return {
      load_ms: timing.loadEventEnd || timing.domComplete,
      paint_ms: paint ? paint.startTime : null,
      scroll_width: root.scrollWidth,
      inner_width: innerWidth,
      paper: getComputedStyle(document.body).backgroundColor,
      ink: getComputedStyle(document.body).color,
      svg_ink: first ? getComputedStyle(first.querySelector("text")).fill : "",
      first_picture_bottom: first ? first.getBoundingClientRect().bottom : null,
      durations: players.map((one) => Number(one.duration.toFixed(2))),
      nodes: document.querySelectorAll("*").length,
    };
  });
  if (plan.axe) {
    await page.evaluate(axe);
    const { violations, passes, incomplete } = await page.evaluate(() => window.axe.run(document, { preload: false }));
    const short = (one) => ({
      id: one.id, impact: one.impact, help: one.help,
      nodes: one.nodes.slice(0, 4).map((node) => `${node.target}: ${node.failureSummary}`),
    });
    found.axe = { violations: violations.map(short), incomplete: incomplete.map(short), passes: passes.map((p) => p.id) };
  }
  if (plan.picture) {
    await page.screenshot({ path: `${plan.picture}-screen.png` });
    await page.screenshot({ path: `${plan.picture}-page.png`, fullPage: true });
  }
  if (plan.print) {
    await page.pdf({ path: `${plan.print}.pdf`, format: "A4" });
  }
  if (plan.keys) found.keys = await byKeyboard(page, plan.keys);
  await page.close();
  return { ...found, requests, faults };
}

try {
  const answer = {};
  for (const [name, plan] of Object.entries(job.pages)) answer[name] = await look(plan);
  console.log(JSON.stringify(answer));
} finally {
  await browser.close();
}
