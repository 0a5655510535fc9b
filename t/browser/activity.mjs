// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, given, launch, noViolations, open, picture, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const account = page => page.getByRole('searchbox', { name: 'Account or group' });
const rows = page => page.locator('table.activity tbody tr');
const row = (page, text) => rows(page).filter({ hasText: text });
// The address has what was chosen; an empty choice is left out.
const state = page => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.split('?')[1]));
async function hasState(page, wanted) {
    await page.waitForFunction(text => JSON.stringify(Object.fromEntries([...new URLSearchParams(location.hash.split('?')[1])].sort())) === text,
        JSON.stringify(Object.fromEntries(Object.entries(wanted).sort())));
}

test('a part of a name finds several people, of whom one can be chosen', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await account(page).fill('anna');
    await page.keyboard.press('Enter');
    await page.getByText('2 accounts and groups match. Choose one to see it alone:').waitFor();
    await noViolations(page, 'several people');
    await page.getByRole('link', { name: 'Anna Yamada (u4711@example.com)' }).click();
    await page.getByText('Found: Anna Yamada (u4711@example.com)').waitFor();
    await hasState(page, { account: given.anna });
    await row(page, 'Deactivated').waitFor();
    assert.equal(await row(page, 'annabel').count(), 0);
    await page.goBack();
    await page.getByText('2 accounts and groups match.').waitFor();
    assert.equal(await account(page).inputValue(), 'anna', 'Back brings back what was searched');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('an e-mail address that is no userName finds the account', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await account(page).fill('anna@example.com');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('Found: Anna Yamada (u4711@example.com)').waitFor();
    await page.context().close();
});

test('filters are together, in the address, and survive a reload', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    assert.deepEqual(await page.locator('#actors option').evaluateAll(options => options.map(option => option.value)), ['Nightly import', 'test']);
    await page.getByLabel('What').selectOption('deactivated');
    await row(page, 'Deactivated').waitFor();
    await rows(page).nth(1).waitFor({ state: 'detached' });
    await page.getByRole('combobox', { name: 'By' }).fill('test');
    await page.keyboard.press('Enter');
    await hasState(page, { kind: 'deactivated', actor: 'test' });
    await page.getByLabel('Period').selectOption('7');
    await hasState(page, { kind: 'deactivated', actor: 'test', last: '7' });
    await page.reload();
    await row(page, 'Deactivated').waitFor();
    assert.equal(await rows(page).count(), 1);
    assert.deepEqual([await page.getByLabel('What').inputValue(), await page.getByRole('combobox', { name: 'By' }).inputValue(), await page.getByLabel('Period').inputValue()],
        ['deactivated', 'test', '7']);
    await page.getByRole('combobox', { name: 'By' }).fill('nightly');
    await page.keyboard.press('Enter');
    await page.getByText('No entries found.').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await rows(page).nth(5).waitFor();
    await hasState(page, {});
    assert.equal(await page.evaluate(() => document.activeElement.name), 'account', 'the focus is not lost with the button');
    assert.equal(await page.getByRole('button', { name: 'Clear the filters' }).count(), 0);
    await page.context().close();
});

test('days are those of the calendar, the last one to its end', async () => {
    const page = await open(browser, { user: given.user });
    const day = before => new Date(Date.now() - before * 86400000).toISOString().slice(0, 10);
    await visit(page, '#/activity');
    await page.getByLabel('From').fill(day(60));
    await page.getByLabel('Until').fill(day(50));
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: /Old 0 Undo: / }).waitFor();
    await rows(page).nth(1).waitFor({ state: 'detached' });
    assert.equal(await rows(page).count(), 1, 'what was on the last day is among them');
    await page.getByLabel('Until').fill(day(51));
    await page.keyboard.press('Enter');
    await page.getByText('No entries found.').waitFor();
    await page.getByLabel('Period').selectOption('1');
    await row(page, 'Deactivated').waitFor();
    assert.equal(await row(page, 'Nightly import').count(), 0);
    assert.equal(await page.getByLabel('From').inputValue(), '', 'the last days and a range exclude each other');
    await hasState(page, { last: '1' });
    await page.getByLabel('From').fill(day(1));
    await page.keyboard.press('Enter');
    await hasState(page, { since: day(1) });
    assert.equal(await page.getByLabel('Period').inputValue(), '');
    await page.context().close();
});

test('older and newer entries are pages, and a page can be sent to somebody', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity?actor=nightly');
    const first = await rows(page).first().innerText();
    assert.equal(await rows(page).count(), 50);
    assert.equal(await page.getByRole('button', { name: /Newer|Latest/ }).count(), 0);
    await page.getByRole('button', { name: 'Older entries' }).click();
    await page.getByRole('button', { name: 'Newer entries' }).waitFor();
    const second = await rows(page).first().innerText();
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'the focus is above the new entries');
    await page.getByRole('button', { name: 'Older entries' }).click();
    await page.getByRole('cell', { name: /Old 0 Undo: / }).waitFor();
    assert.equal(await rows(page).count(), 30);
    assert.equal(await page.getByRole('button', { name: 'Older entries' }).count(), 0);
    await page.getByRole('button', { name: 'Newer entries' }).click();
    await page.getByText(second.split('\t')[0]).first().waitFor();
    assert.equal(await rows(page).first().innerText(), second);
    assert.equal(state(page).actor, 'nightly');
    await page.reload();
    await page.getByRole('button', { name: 'Latest entries' }).waitFor();
    assert.equal(await rows(page).first().innerText(), second, 'the same page again');
    await page.getByRole('button', { name: 'Latest entries' }).click();
    await page.getByRole('button', { name: 'Latest entries' }).waitFor({ state: 'detached' });
    assert.equal(await rows(page).first().innerText(), first);
    await hasState(page, { actor: 'nightly' });
    await page.context().close();
});

test('what is rare is searched bit by bit, then when somebody wants', async () => {
    const page = await open(browser, { user: given.user });
    let asked = 0;
    await page.route('**/api/activity?*kind=guest*', route => route.fulfill({
        json: { entries: [], next: String(1000 - ++asked), searchedTo: '2026-03-04T05:06:07.000Z' } }));
    await visit(page, '#/activity?kind=guest');
    await page.getByText(/^Nothing was found since Mar 4, 2026/).waitFor();
    assert.equal(asked, 10);
    await noViolations(page, 'searched in part');
    await page.getByRole('button', { name: 'Search further back' }).click();
    await page.getByRole('button', { name: 'Newer entries' }).waitFor();
    assert.equal(asked, 20);
    assert.equal(state(page).before, '990');
    await page.context().close();
});

test('a list that is slow is busy, and a later one wins', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    let release;
    const held = new Promise(resolve => { release = resolve; });
    await page.route('**/api/activity?*kind=deleted*', async route => { await held; await route.continue(); });
    await page.getByLabel('What').selectOption('deleted');
    await page.locator('[aria-busy=true]').waitFor();
    await page.getByLabel('What').selectOption('deactivated');
    await row(page, 'Deactivated').waitFor();
    release();
    await page.waitForResponse(/kind=deleted/);
    await page.locator('[aria-busy=true]').waitFor({ state: 'detached' });
    assert.equal(await rows(page).count(), 1);
    await page.context().close();
});

test('what the filters show is exported', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity?kind=deactivated');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export as CSV' }).click()]);
    assert.equal(download.suggestedFilename(), `activity-${given.key}.csv`);
    const lines = readFileSync(await download.path(), 'utf8').trim().split('\r\n');
    assert.equal(lines.length, 2);
    assert.match(lines[1], /prov:deactivate/);
    await page.context().close();
});

test('no width is too narrow, whatever the language and the filters', async () => {
    for (const user of [given.user, given.japanese]) {
        const page = await open(browser, { user, width: 320 });
        await visit(page, '#/activity?account=anna');
        await page.locator('.found').waitFor();
        await noViolations(page, `${user}: filters`);
        for (const hash of ['#/activity?account=anna', '#/activity?account=long']) {
            await visit(page, hash);
            for (const width of [320, 390, 640, 800, 1024, 1280, 1920]) {
                await page.setViewportSize({ width, height: 800 });
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth) <= 0, `${hash} at ${width}`);
            }
        }
        await visit(page, '#/activity?account=anna');
        await page.locator('.found').waitFor();
        for (const width of [1280, 390]) {
            await page.setViewportSize({ width, height: 900 });
            await picture(page, `activity-filters-${user === given.user ? 'en' : 'ja'}-${width}`);
        }
        await page.context().close();
    }
});
