// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const rows = page => page.locator('tbody tr');
const row = (page, name) => page.getByRole('row', { name });

for (const [user, language] of [[given.user, 'en'], [given.japanese, 'ja']]) {
    for (const dark of [false, true]) {
        test(`axe finds nothing in the requests, which fit every width (${language}, ${dark ? 'dark' : 'light'})`, async () => {
            const page = await open(browser, { user, dark });
            await visit(page, '#/requests');
            await page.locator('table').waitFor();
            assert.equal(await page.locator('html').getAttribute('lang'), language);
            for (const width of [320, 390, 768, 832, 1024, 1280, 1920]) {
                await page.setViewportSize({ width, height: 900 });
                const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                assert.ok(overflow <= 0, `it fits ${width} px`);
                await picture(page, `requests-${language}-${width}${dark ? '-dark' : ''}`);
                if (width === 390 || width === 1280) {
                    await noViolations(page, `${width} px`);
                }
            }
            assert.deepEqual(page.complaints, []);
            await page.context().close();
        });
    }
}

test('a request says when, what it asked for, of whom, and what came of it', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.getByRole('link', { name: 'Requests', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
    await row(page, /GET \/Users 1,234 times userName eq "…" Read 1.2 ms Microsoft Entra ID$/).waitFor();
    await row(page, /PATCH \/Users\/\S+ n+@example.com replace active add emails\[type eq "…"\].value replace department Changed Partly ignored/).waitFor();
    await row(page, /PATCH \/Groups\/\S+ Group add members ×57 Changed/).waitFor();
    await row(page, /POST \/Users userName displayName Refused \(409\) 46 ms/).waitFor();
    await row(page, /PUT \/Users\/\S+ hanako.sato@example.com No change/).waitFor();
    assert.equal(await page.title().then(title => title.startsWith('Requests')), true, 'a hostile path is text');
    await row(page, /PATCH .*n+@example.com/).getByRole('link').click();
    await page.getByRole('heading', { name: 'History' }).waitFor();
    await page.context().close();
});

test('requests are filtered, the address says how, and older ones follow on demand', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/requests');
    await rows(page).first().waitFor();
    assert.equal(await rows(page).count(), 50);
    await page.getByRole('button', { name: 'Older requests' }).click();
    await rows(page).nth(99).waitFor();
    await page.getByLabel('Outcome').selectOption({ label: 'refused' });
    await row(page, /PATCH/).first().waitFor({ state: 'detached' });
    assert.equal(await rows(page).count(), 1);
    assert.match(page.url(), /#\/requests\?outcome=refused$/);
    await page.reload();
    await row(page, /Refused \(409\)/).waitFor();
    assert.equal(await page.getByLabel('Outcome').inputValue(), 'refused');
    await page.getByLabel('Outcome').selectOption({ label: 'read, or no change' });
    await page.getByLabel('Period').selectOption({ label: 'an hour' });
    await row(page, /1,234 times/).waitFor();
    await page.getByRole('button', { name: 'Older requests' }).click();
    await page.getByRole('button', { name: 'Older requests' }).waitFor({ state: 'detached' });
    assert.ok(await rows(page).count() < 60, 'of an hour alone');
    await page.getByLabel('Token').selectOption('test');
    await page.getByText('No requests found.').waitFor();
    await page.context().close();
});

test('where nothing has come, it says what to look at', async () => {
    const page = await open(browser, { user: given.emptyUser });
    await page.goto(`${given.emptyUrl}#/requests`);
    await page.getByText('Your identity provider has not sent any request within seven days.').waitFor();
    await page.context().close();
});
