// SPDX-License-Identifier: Apache-2.0
// The pictures of the documents (script/pictures).
import { after, before, given, launch, open, picture, test } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const PAGES = [['provisioning', '#/'], ['members', '#/members'], ['member', `#/members/${given.member}`], ['activity', '#/activity']];
const DIALOGS = [
    ['manage', '#/', 'Manage'], ['generate', '#/', 'Generate token'], ['delete', '#/', 'Delete token: demo'],
    ['edit', `#/members/${given.member}`, 'Edit'],
];

async function visit(page, hash) {
    await page.goto('about:blank');
    await page.goto(`${given.url}${hash}`);
    await page.locator('h1').waitFor();
    await page.waitForLoadState('networkidle');
}

for (const width of [1280, 390]) {
    test(`pages, ${width} px`, async () => {
        const page = await open(browser, { user: given.user, width });
        for (const [name, hash] of PAGES) {
            await visit(page, hash);
            await picture(page, `page-${name}-${width}`);
        }
        await page.context().close();
    });
}

test('dialogs', async () => {
    const page = await open(browser, { user: given.user });
    for (const [name, hash, button] of DIALOGS) {
        await visit(page, hash);
        await page.getByRole('button', { name: button, exact: true }).click();
        await page.getByRole('dialog').waitFor();
        await picture(page, `dialog-${name}-1280`);
    }
    await page.context().close();
});

test('Japanese', async () => {
    const page = await open(browser, { user: given.user, locale: 'ja-JP' });
    await visit(page, '#/');
    await picture(page, 'japanese-1280');
    await page.context().close();
});
