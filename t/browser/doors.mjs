// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, open, test } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// A page on which a token has just been generated.
async function withToken() {
    const page = await open(browser, { user: given.user });
    await page.goto(given.url);
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: /Name/ }).fill('doors');
    await page.getByRole('dialog').getByRole('button', { name: 'Generate', exact: true }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Token' }).waitFor();
    return page;
}

const secrets = page => page.evaluate(() => [document.documentElement.outerHTML, ...[...document.querySelectorAll('input, textarea')].map(input => input.value)]
    .join('\n').match(/scim_[0-9a-f]{64}/g)?.length ?? 0);

test('a new token is not kept for the button Back', async () => {
    const page = await withToken();
    assert.ok(await secrets(page) > 0, 'it is shown');
    await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
    assert.equal(await secrets(page), 0, 'and gone when the page is left');
    assert.equal(await page.locator('main').innerText(), '', 'with all that the page has shown');
});

test('a page that the browser kept asks for everything anew', async () => {
    const page = await withToken();
    const again = page.waitForEvent('load');
    await page.evaluate(() => { window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })); });
    await again;
    await page.getByRole('button', { name: 'Generate token' }).waitFor();
    assert.equal(await secrets(page), 0);
    assert.deepEqual(page.complaints, []);
});

test('Back does not lead to a token', async () => {
    const page = await withToken();
    await page.goto('about:blank');
    await page.goBack();
    await page.getByRole('button', { name: 'Generate token' }).waitFor();
    assert.equal(await secrets(page), 0);
});
