// SPDX-License-Identifier: Apache-2.0
// The pictures of the documents (script/pictures).
import { PAGES, after, before, dialogs, given, launch, open, picture, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

async function show(page, hash) {
    await visit(page, hash);
    await page.waitForLoadState('networkidle');
}

// The list of groups looks as that of members does.
const PICTURED = PAGES.filter(([name]) => name !== 'groups');

for (const width of [1280, 390]) {
    test(`pages, ${width} px`, async () => {
        const page = await open(browser, { user: given.user, width });
        for (const [name, hash] of PICTURED) {
            await show(page, hash);
            await picture(page, `page-${name}-${width}`);
        }
        await page.context().close();
    });
}

test('dialogs', async () => {
    const page = await open(browser, { user: given.user });
    for (const [name, hash, button] of dialogs('demo')) {
        await show(page, hash);
        await page.getByRole('button', { name: button, exact: true }).click();
        await page.getByRole('dialog').waitFor();
        await picture(page, `dialog-${name}-1280`);
    }
    await page.context().close();
});

test('Japanese', async () => {
    const page = await open(browser, { user: given.user, locale: 'ja-JP' });
    await show(page, '#/');
    await picture(page, 'japanese-1280');
    await page.context().close();
});
