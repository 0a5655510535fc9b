// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, open, picture, test } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const PAGES = { provisioning: () => '#/', members: () => '#/members', member: ({ member }) => `#/members/${member}`,
    groups: () => '#/groups', group: ({ group }) => `#/groups/${group}`, activity: () => '#/activity' };

// From this width on, tables are shown as tables; and the minimum width of a column.
const TABLE_FROM = 833;
const NARROWEST = 80;

// From a blank page, so that the previous page is not taken for the new one.
async function visit(page, organization, hash) {
    await page.goto('about:blank');
    await page.goto(`${organization.url}${hash}`);
    await page.locator('h1').waitFor();
    await page.waitForLoadState('networkidle');
    await page.evaluate(() => document.querySelectorAll('details').forEach(details => { details.open = true; }));
    await page.locator('table').first().waitFor();
}

// How far the page is wider than the window, and the elements that stick out of their
// card.
function sticksOut(page) {
    return page.evaluate(() => {
        const overflow = document.documentElement.scrollWidth - window.innerWidth;
        const out = [...document.querySelectorAll('header *, section *, dialog *')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 1 && box.right > element.closest('header, section, dialog').getBoundingClientRect().right + 1;
        });
        return [overflow > 0 ? `the page by ${overflow} px` : '', ...out.slice(0, 3).map(e => `${e.tagName} ${e.textContent.slice(0, 30)}`)].filter(Boolean);
    });
}

// The columns of each table by their heads, or in a list its cells: their widths in
// px, narrowest first, with their texts.
function columns(page, cells) {
    return page.evaluate(found => [...document.querySelectorAll(found)].map(cell => [Math.round(cell.getBoundingClientRect().width), cell.textContent])
        .sort(([a], [b]) => a - b), cells);
}

// Words of heads, labels, buttons and times that are broken into two lines.  In a list,
// heads are not visible.
function brokenWords(page) {
    return page.evaluate(() => [...document.querySelectorAll('thead th, .badge, td button, td, tbody th')].filter(element => {
        return element.matches('thead *') ? element.closest('thead').getBoundingClientRect().width > 1
            : element.matches('.badge, button') || /^[^:]*\d:\d\d[^:]*$/.test(element.textContent);
    }).flatMap(element => {
        const words = [];
        const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            for (const match of node.data.matchAll(/[A-Za-z0-9]+/g)) {
                const range = document.createRange();
                range.setStart(node, match.index);
                range.setEnd(node, match.index + match[0].length);
                if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) {
                    words.push(`broken: ${match[0]}`);
                }
            }
        }
        return words;
    }));
}

// The buttons of the first page that open a dialog: all but those that copy, or send a
// form.
async function openers(page, organization) {
    await visit(page, organization, '#/');
    const count = await page.locator('main button').count();
    const others = await page.locator('main button').evaluateAll(buttons => buttons.map(button => Boolean(button.closest('.copy, form'))));
    return [...Array(count).keys()].filter(i => !others[i]).map(i => ['#/', i]);
}

for (const language of ['english', 'japanese']) {
    for (const kind of ['ordinary', 'guest', 'scripts', 'longest']) {
        test(`no page is wider than its window: ${kind} names, ${language}`, async () => {
            const organization = given[kind];
            const page = await open(browser, { user: organization[language] });
            const faults = [];
            for (const [name, hash] of Object.entries(PAGES)) {
                await visit(page, organization, hash(organization));
                for (const width of [1920, 1280, 1024, 834, 833, 832, 800, 768, 700, 640, 390, 320]) {
                    await page.setViewportSize({ width, height: 800 });
                    const found = [...await sticksOut(page), ...await brokenWords(page)];
                    const [narrowest] = await columns(page, width >= TABLE_FROM ? 'thead th' : 'td, tbody th');
                    if (narrowest[0] < NARROWEST) {
                        found.push(`the column ${narrowest}`);
                    }
                    faults.push(...found.map(fault => `${name} at ${width}: ${fault}`));
                    await picture(page, `layout-${kind}-${language}-${name}-${width}`);
                }
            }
            for (const [hash, index] of [...await openers(page, organization), [PAGES.member(organization), 0]]) {
                await visit(page, organization, hash);
                const dialog = await page.locator('main button').nth(index).innerText();
                for (const width of [1280, 390, 320]) {
                    await page.setViewportSize({ width, height: 800 });
                    await page.locator('main button').nth(index).click();
                    await page.getByRole('dialog').waitFor();
                    faults.push(...(await sticksOut(page)).map(fault => `the dialog ${dialog} at ${width}: ${fault}`));
                    await picture(page, `layout-${kind}-${language}-${hash.slice(2, 8)}${index}-${width}`);
                    await page.keyboard.press('Escape');
                    await page.getByRole('dialog').waitFor({ state: 'detached' });
                }
            }
            assert.deepEqual(faults, []);
            assert.deepEqual(page.complaints, []);
            await page.context().close();
        });
    }
}
