// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const at = hours => new Date(Date.now() - hours * 3600000).toISOString();
const counts = (requests, changes, refusals, warnings) => ({ requests, changes, refusals, warnings });

// What the API answers for an organization in which much happens.
const busy = {
    lastRequest: { at: at(0.05), token: 'Entra ID' }, lastChange: { at: at(2), token: 'Entra ID' },
    tokens: [
        { name: 'Entra ID', lastRequest: at(0.05), lastChange: at(2), expires: at(-200) },
        { name: 'n'.repeat(100), expires: at(-9000) },
    ],
    hours: [...Array(24).keys()].map(i => ({ hour: at(23 - i), ...(i % 3 ? counts(40, i, i % 5, i % 4) : counts(0, 0, 0, 0)) })),
    days: [...Array(7).keys()].map(i => ({ from: at(24 * (7 - i)), ...counts(1234, 100 * i, 3, 0) })),
    neverTouched: 10000, moreNeverTouched: true, waiting: false,
};

async function withHealth(page, health) {
    await page.route('**/api/health', route => route.fulfill({ json: health }));
}

const card = page => page.locator('section.health');

test('the first page says what was requested, changed, refused and lost, in words and numbers', async () => {
    const page = await open(browser, { user: given.user });
    await withHealth(page, busy);
    await visit(page, '#/');
    await card(page).getByRole('heading', { name: 'How provisioning is doing' }).waitFor();
    assert.match(await card(page).locator('.counts').first().innerText(), /Last request 3 minutes ago \(Entra ID\)\s+Last change 2 hours ago \(Entra ID\)/);
    const label = await card(page).getByRole('img').first().getAttribute('aria-label');
    assert.equal(label, 'The last 24 hours: changes 192, warnings 24, refused requests 32', 'the bars have a text');
    await card(page).getByText('Show the numbers').first().click();
    assert.equal(await card(page).locator('table.spans').first().getByRole('row').count(), 1 + 16, 'and a row for each hour in which something was');
    assert.deepEqual(await card(page).locator('.of-refusals').allInnerTexts(), ['refused requests 32', 'refused requests 21']);
    assert.equal(await card(page).getByRole('link', { name: 'warnings' }).first().getAttribute('href'), '#/activity?kind=warning');
    await card(page).getByText('Each token').click();
    await card(page).getByRole('row', { name: /^Entra ID 3 minutes ago 2 hours ago / }).waitFor();
    await card(page).getByRole('row', { name: /^n+ never never / }).waitFor();
    assert.equal(await card(page).getByRole('link', { name: 'Accounts that provisioning has never touched: more than 10,000' }).getAttribute('href'), '#/members?drift=never');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

for (const [user, language] of [[given.user, 'en'], [given.japanese, 'ja']]) {
    for (const dark of [false, true]) {
        test(`axe finds nothing in it, and it fits every width (${language}, ${dark ? 'dark' : 'light'})`, async () => {
            const page = await open(browser, { user, dark });
            await withHealth(page, busy);
            await visit(page, '#/');
            await card(page).getByRole('img').first().waitFor();
            for (const summary of await card(page).locator('summary').all()) {
                await summary.click();
            }
            for (const width of [1920, 1280, 1024, 800, 768, 700, 640, 390, 320]) {
                await page.setViewportSize({ width, height: 800 });
                const out = await page.evaluate(() => [...document.querySelectorAll('.health *')]
                    .filter(element => element.getBoundingClientRect().right > element.closest('section').getBoundingClientRect().right).map(element => element.outerHTML.slice(0, 80)));
                assert.deepEqual(out, [], `at ${width} px`);
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `the page at ${width} px`);
                await picture(page, `health-${language}-${width}${dark ? '-dark' : ''}`);
            }
            await noViolations(page, 'health');
            await page.context().close();
        });
    }
}

test('nothing has happened: the card says so without an empty table', async () => {
    const page = await open(browser, { user: given.user });
    await withHealth(page, { ...busy, lastChange: undefined, neverTouched: 0, moreNeverTouched: false,
        hours: busy.hours.map(({ hour }) => ({ hour, ...counts(0, 0, 0, 0) })), days: busy.days.map(({ from }) => ({ from, ...counts(0, 0, 0, 0) })) });
    await visit(page, '#/');
    await card(page).getByText('changes 0').first().waitFor();
    assert.equal(await card(page).locator('.figure details').count(), 0);
    assert.equal(await card(page).getByText('never touched').count(), 0);
    await page.context().close();
});

test('health that cannot be had takes nothing from the page', async () => {
    const page = await open(browser, { user: given.user });
    await page.route('**/api/health', route => route.fulfill({ status: 503, json: { message: 'x' } }));
    await visit(page, '#/');
    await page.getByRole('heading', { name: 'Tokens', exact: true }).waitFor();
    assert.equal(await card(page).isVisible(), false);
    await page.context().close();
});

test('the page waits for the first request, and turns green when it has come', async () => {
    const page = await open(browser, { user: given.new.user });
    await page.goto(given.new.url);
    await page.getByText('Waiting for the first request of your identity provider…').waitFor();
    await page.getByText('Enter the SCIM URL and the token in your identity provider').waitFor();
    await noViolations(page, 'waiting');
    await picture(page, 'health-waiting');
    const answer = await fetch(`${given.new.scim_url}/Users?count=1`, { headers: { Authorization: `Bearer ${given.new.token}` } });
    assert.equal(answer.status, 200);
    await card(page).locator('p.good', { hasText: 'Your identity provider has connected.' }).waitFor();
    assert.equal(await page.getByText('Enter the SCIM URL and the token in your identity provider').count(), 0, 'the step is done');
    assert.match(await card(page).innerText(), /Last request/);
    await page.getByText('Your identity provider has connected, but has not changed anything yet.').waitFor();
    await noViolations(page, 'connected');
    await picture(page, 'health-connected');
    await page.reload();
    await page.getByRole('button', { name: 'Show the steps' }).click();
    assert.equal(await page.locator('.setup summary').evaluate(summary => summary === document.activeElement && summary.parentElement.open), true, 'the steps that are left');
    const made = await fetch(`${given.new.scim_url}/Users`, { method: 'POST', body: JSON.stringify({ schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'first@example.com', displayName: 'First' }),
        headers: { Authorization: `Bearer ${given.new.token}`, 'Content-Type': 'application/scim+json' } });
    assert.equal(made.status, 201, await made.text());
    await page.reload();
    await card(page).getByText('Last change').waitFor();
    await page.locator('.next').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('.setup').evaluate(setup => setup.open), false, 'and there is none once somebody came');
    assert.ok(await page.evaluate(() => document.querySelector('.why').compareDocumentPosition(document.querySelector('.health')) & Node.DOCUMENT_POSITION_FOLLOWING), 'then the question is above the numbers');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});
