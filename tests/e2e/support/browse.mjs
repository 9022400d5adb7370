// Drives headless Chromium. Standard input: {"browser", "modules", "folder", "steps"}; standard output: one JSON object
// with what each step found, and everything that the browser complained about.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const plan = JSON.parse(readFileSync(0, 'utf8'));
const require = createRequire(plan.modules + '/');
const puppeteer = require('puppeteer-core');

const browser = await puppeteer.launch({
  executablePath: plan.browser,
  headless: true,
  acceptInsecureCerts: true,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--use-gl=angle', '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--window-size=1400,900'],
});
const page = await browser.newPage();
await page.setViewport({ width: plan.width ?? 1400, height: plan.height ?? 900 });
if (plan.dark) await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
if (plan.token) await page.setExtraHTTPHeaders({ Authorization: `Bearer ${plan.token}` });

const said = [], failed = [], requests = [];
page.on('console', message => said.push({ type: message.type(), text: message.text().slice(0, 500) }));
page.on('pageerror', error => said.push({ type: 'pageerror', text: String(error).slice(0, 500) }));
page.on('requestfailed', request => failed.push({ url: request.url().slice(0, 300), why: request.failure()?.errorText }));
const began = new WeakMap();
page.on('request', request => began.set(request, Date.now()));
page.on('response', response => {
  requests.push({
    url: response.url().slice(0, 300), status: response.status(), type: response.headers()['content-type'] ?? '',
    ms: Number(/dur=([\d.]+)/.exec(response.headers()['server-timing'] ?? '')?.[1] ?? 0), began: began.get(response.request()), at: Date.now(),
  });
});
await page.evaluateOnNewDocument(() => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', e => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile ?? ''}`));
});

// What is painted in each viewport: how many different greys, and a sum that changes with the picture.
const painted = () => [...document.querySelectorAll('canvas.cornerstone-canvas')].map(canvas => {
  if (!canvas.width || !canvas.height) return { shades: 0, sum: 0 };
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const shades = new Set();
  let sum = 0;
  for (let i = 0; i < data.length; i += 4 * 7) {
    shades.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
    sum = (sum * 31 + data[i] + 7 * data[i + 1]) % 1000000007;
  }
  return { shades: shades.size, sum };
});

// The code of a secret in base 32 (RFC 6238), so many steps from now.
const totp = (secret, steps) => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/\s/g, '')].map(c => letters.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map(byte => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const hash = createHmac('sha1', key).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
};

const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axeSource = plan.steps.some(one => one.do === 'axe') ? readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8') : '';

const steps = {
  async open({ url }) { await page.goto(url, { waitUntil: 'domcontentloaded', timeout: 60000 }); },
  async wait({ text, selector, script, seconds = 60 }) {
    if (script) await page.waitForFunction(script, { timeout: seconds * 1000, polling: 100 });
    if (selector) await page.waitForSelector(selector, { timeout: seconds * 1000 });
    if (text) await page.waitForFunction(t => document.body.innerText.includes(t), { timeout: seconds * 1000, polling: 100 }, text);
  },
  // Until this many viewports show a picture.
  async painted({ viewports = 1, shades = 8, seconds = 90 }) {
    await page.waitForFunction(`(${painted})().filter(one => one.shades >= ${shades}).length >= ${viewports}`,
      { timeout: seconds * 1000, polling: 50 });
    return page.evaluate(painted);
  },
  // Until the picture of a viewport is another one.
  async changed({ from, viewport = 0, seconds = 30 }) {
    await page.waitForFunction(`(() => { const one = (${painted})()[${viewport}]; return one && one.shades > 8 && one.sum !== ${from}; })()`,
      { timeout: seconds * 1000, polling: 50 });
    return page.evaluate(painted);
  },
  async look() { return page.evaluate(painted); },
  async click({ selector, text, count = 1 }) {
    const handle = text
      ? await page.waitForSelector(`::-p-text(${text})`, { timeout: 30000 })
      : await page.waitForSelector(selector, { timeout: 30000 });
    await handle.click({ count });
  },
  async wheel({ viewport = 0, times = 5 }) {
    const box = await (await page.$$('canvas.cornerstone-canvas'))[viewport].boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    for (let i = 0; i < times; i++) {
      await page.mouse.wheel({ deltaY: 120 });
      await new Promise(next => setTimeout(next, 60));
    }
  },
  async drag({ from, to }) {
    const centre = async selector => {
      const box = await (await page.waitForSelector(selector, { timeout: 30000 })).boundingBox();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const a = await centre(from), b = typeof to === 'string' ? await centre(to) : to;
    await page.mouse.move(a.x, a.y);
    await page.mouse.down();
    for (let i = 1; i <= 10; i++) await page.mouse.move(a.x + (b.x - a.x) * i / 10, a.y + (b.y - a.y) * i / 10);
    await page.mouse.up();
  },
  // The series of a thumbnail that says this, into the viewport that is active.
  async series({ text }) {
    const find = () => page.evaluateHandle(t => [...document.querySelectorAll('[data-cy^="study-browser-thumbnail"]')]
      .find(one => one.innerText.includes(t)) ?? null, text);
    await page.waitForFunction(t => [...document.querySelectorAll('[data-cy^="study-browser-thumbnail"]')]
      .some(one => one.innerText.includes(t)), { timeout: 30000, polling: 100 }, text);
    const handle = (await find()).asElement();
    await handle.scrollIntoView();
    await handle.click({ count: 2, delay: 30 });
  },
  // What the viewer lays over everything at the first visit.
  async dismiss() {
    await page.evaluate(() => {
      for (const words of ['Skip all', 'Confirm and hide']) {
        [...document.querySelectorAll('button, a')].find(one => one.innerText?.trim() === words)?.click();
      }
    });
    await new Promise(next => setTimeout(next, 300));
  },
  async key({ name }) { await page.keyboard.press(name); },
  async type({ selector, text }) { await page.type(selector, text); },
  // The code of the secret that the page shows there, typed.
  async totp({ secret, selector, steps = 0 }) {
    const shown = await page.$eval(secret, one => one.textContent);
    await page.type(selector, totp(shown, steps));
    return shown;
  },
  async run({ script }) { return page.evaluate(script); },
  async cookie({ name, value, url }) { await page.setCookie({ name, value, url, httpOnly: true, sameSite: 'Strict' }); },
  async shot({ name, whole = false }) { await page.screenshot({ path: `${plan.folder}/${name}.png`, fullPage: whole }); },
  async theme({ name }) { await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: name }]); },
  // What axe finds at this state of the page, on a phone and a desk, in either theme; and whether it scrolls sideways at
  // 320 px, or at 640 px with text of twice the size. The window is left as it was.
  async axe({ state }) {
    const before = page.viewport(), wrong = [], unsure = [];
    // The browser gives it when it first draws the page.
    await page.waitForFunction(() => {
      const problem = document.querySelector('[autofocus]');
      return !problem || document.activeElement === problem;
    }, { timeout: 10000, polling: 20 }).catch(() => wrong.push(`${state}: the problem is not what has the focus`));
    for (const width of [390, 1280]) {
      for (const theme of ['light', 'dark']) {
        await page.setViewport({ width, height: 900 });
        // Nothing moves, so that no colour is caught on its way to another.
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
        if (!await page.evaluate('typeof axe === "object"')) await page.evaluate(axeSource);
        const { violations, incomplete } = await page.evaluate(async tags =>
          axe.run(document, { runOnly: tags, preload: false, resultTypes: ['violations', 'incomplete'] }), AXE_TAGS);
        const told = found => found.map(one => `${state} ${width} ${theme} ${one.id}: ${one.nodes.map(node => node.target.join(' ')).join(', ')}`);
        wrong.push(...told(violations));
        unsure.push(...told(incomplete));
      }
    }
    for (const [width, size] of [[320, 100], [640, 200]]) {
      await page.setViewport({ width, height: 900 });
      const wide = await page.evaluate(size => {
        document.documentElement.style.fontSize = `${size}%`;
        const root = document.documentElement, wide = root.scrollWidth > root.clientWidth;
        root.style.fontSize = '';
        return wide;
      }, size);
      if (wide) wrong.push(`${state}: scrolls sideways at ${width} px with text at ${size} %`);
    }
    const [title, headings] = await page.evaluate(() => [document.title, document.querySelectorAll('h1').length]);
    if (headings !== 1) wrong.push(`${state}: ${headings} first headings`);
    await page.setViewport(before);
    return { state, title, wrong, unsure };
  },
  async upload({ selector, file }) { await (await page.waitForSelector(selector)).uploadFile(file); },
  async forget() { requests.length = 0; return Date.now(); },
  async now() { return Date.now(); },
};

const found = [];
let error = null;
for (const { do: name, ...what } of plan.steps) {
  try {
    found.push(await steps[name](what) ?? null);
  } catch (caught) {
    error = `${name} ${JSON.stringify(what)}: ${caught}`;
    await page.screenshot({ path: `${plan.folder}/error.png` }).catch(() => {});
    break;
  }
}
const violations = await page.evaluate(() => window.violations).catch(() => []);
const text = await page.evaluate(() => document.body.innerText.slice(0, 4000)).catch(() => '');
console.log(JSON.stringify({ found, error, said, failed, requests, violations, text }));
await browser.close();
