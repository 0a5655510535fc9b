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

// The columns of each table, in px, narrowest first, with their heads.
function columns(page) {
    return page.evaluate(() => [...document.querySelectorAll('thead th')].map(head => [Math.round(head.getBoundingClientRect().width), head.textContent])
        .sort(([a], [b]) => a - b));
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

for (const language of ['english', 'japanese']) {
    for (const kind of ['ordinary', 'guest', 'longest']) {
        test(`no page is wider than its window: ${kind} names, ${language}`, async () => {
            const organization = given[kind];
            const page = await open(browser, { user: organization[language] });
            const faults = [];
            for (const [name, hash] of Object.entries(PAGES)) {
                await visit(page, organization, hash(organization));
                for (const width of [1920, 1280, 1024, 834, 833, 832, 768, 641, 390, 320]) {
                    await page.setViewportSize({ width, height: 800 });
                    const found = [...await sticksOut(page), ...await brokenWords(page)];
                    const [narrowest] = await columns(page);
                    if (width >= TABLE_FROM && narrowest[0] < NARROWEST) {
                        found.push(`the column ${narrowest}`);
                    }
                    faults.push(...found.map(fault => `${name} at ${width}: ${fault}`));
                    await picture(page, `layout-${kind}-${language}-${name}-${width}`);
                }
            }
            for (const [dialog, hash, index] of [['delete', '#/', -1], ['edit', PAGES.member(organization), 0]]) {
                await visit(page, organization, hash);
                for (const width of [1280, 390, 320]) {
                    await page.setViewportSize({ width, height: 800 });
                    await page.locator('main button').nth(index).click();
                    await page.getByRole('dialog').waitFor();
                    faults.push(...(await sticksOut(page)).map(fault => `the dialog ${dialog} at ${width}: ${fault}`));
                    await picture(page, `layout-${kind}-${language}-${dialog}-${width}`);
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
