// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, sql, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const active = () => sql(`SELECT active FROM scim.account WHERE id = '${given.account}'`).trim();
const dialog = page => page.getByRole('dialog');
const undoing = page => dialog(page).getByRole('button', { name: /^(Undo|取り消す)$/ });

async function openDialog(page, user, width = 1280) {
    await visit(page, '#/activity');
    await page.getByRole('row').filter({ hasText: user }).first().getByRole('button', { name: /^(Undo|取り消す): / }).click();
    await dialog(page).getByText(/Accounts and groups that|アカウントとグループ: /).first().waitFor();
}

for (const [width, dark] of [[1280, false], [320, true]]) {
    test(`the preview of a change has no violation and fits ${width} px, in both languages`, async () => {
        for (const user of [given.user, given.japanese]) {
            const page = await open(browser, { user, width, dark });
            await openDialog(page, 'gone@example.com');
            await noViolations(page, `preview for ${user}`);
            await picture(page, `undo-${width}-${user === given.user ? 'en' : 'ja'}`);
            assert.ok(await page.evaluate(() => document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth), 'the dialog fits');
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'the page fits');
            assert.deepEqual(page.complaints, []);
            await page.context().close();
        }
    });
}

test('one change is undone from its entry, after a preview', async () => {
    const page = await open(browser, { user: given.user });
    await openDialog(page, 'taro@example.com');
    await dialog(page).getByText('Accounts and groups that would be as before: 1. Left as they are: 0.').waitFor();
    assert.match(await dialog(page).getByRole('row').nth(1).innerText(), /taro@example\.com\s+Becomes as before\s+State: active/);
    assert.equal(active(), 'f', 'the preview changes nothing');
    await undoing(page).click();
    await dialog(page).getByText('Accounts and groups that are as before: 1. Left as they are: 0.').waitFor();
    assert.equal(active(), 't');
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    await page.getByText('2 undone').first().waitFor();
    const undone = page.getByRole('row').filter({ hasText: /Undone by admin-\S+, / });
    assert.equal(await undone.count(), 2, 'the entries of the change say that it was undone');
    assert.equal(await undone.getByRole('button').count(), 0, 'and offer no undoing');
    await noViolations(page, 'entries that were undone');
    await page.getByText('State: inactive → active').first().waitFor();
    await page.context().close();
});

test('an undo can be undone by its own entry', async () => {
    const page = await open(browser, { user: given.user });
    await openDialog(page, 'taro@example.com');
    await undoing(page).click();
    await dialog(page).getByText('Accounts and groups that are as before: 1.').waitFor();
    assert.equal(active(), 'f');
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    await page.getByRole('row').filter({ hasText: /2 undone.*Undone by/s }).first().waitFor();
    assert.equal(await page.getByRole('row').filter({ hasText: 'Undone by' }).count(), 2, 'what it had undone can be undone again');
    await page.context().close();
});

test('what somebody else has changed since is left, and it is said who', async () => {
    const page = await open(browser, { user: given.user });
    await openDialog(page, 'Wrong');
    await dialog(page).getByText('Accounts and groups that would be as before: 0. Left as they are: 1.').waitFor();
    assert.match(await dialog(page).innerText(), /mine@example\.com\s+Left changed since by admin-/);
    assert.equal(await undoing(page).isDisabled(), true);
    await noViolations(page, 'nothing but what is left');
    await page.context().close();
});

test('what the filter shows is undone since a time', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await page.getByRole('button', { name: 'Undo what is shown' }).click();
    await dialog(page).getByLabel('Since').fill(given.since.slice(0, 19).replace(/:00$/, ''));
    await dialog(page).getByRole('button', { name: 'Preview' }).click();
    await dialog(page).getByText(/would be as before/).waitFor();
    await noViolations(page, 'preview of many');
    await undoing(page).click();
    await dialog(page).getByText(/that are as before/).waitFor();
    assert.match(await dialog(page).innerText(), /gone@example\.com\s+Comes back/);
    assert.equal(sql(`SELECT count(*) FROM scim.account WHERE id = '${given.gone}'`).trim(), '1');
    assert.equal(active(), 't');
    await picture(page, 'undo-many');
    await page.context().close();
});

test('where nothing is shown there is nothing to undo', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await page.getByLabel(/Account or group/).fill('nobody@example.com');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('No entries found.', { exact: false }).waitFor();
    await page.getByRole('button', { name: 'Undo what is shown' }).waitFor({ state: 'detached' });
    await page.context().close();
});

test('what is never undone has no button for that, and what cannot be undone together says so', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    const button = page.getByRole('button', { name: 'Undo what is shown' });
    await button.waitFor();
    await page.getByLabel('What').selectOption('token');
    await button.waitFor({ state: 'detached' });
    await page.getByLabel('What').selectOption('');
    await page.getByLabel(/Account or group/).fill('example.com');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.locator('.found').waitFor();
    await button.click();
    await dialog(page).getByText('These entries cannot be undone together.').waitFor();
    assert.deepEqual(await dialog(page).getByRole('button').allInnerTexts(), ['Close'], 'there is nothing to choose');
    await noViolations(page, 'not together');
    await page.context().close();
});

test('a refusal is shown where somebody has asked', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    const entry = page.getByRole('row').filter({ hasText: 'Wrong' }).first();
    await entry.waitFor();
    sql(`DELETE FROM scim.event WHERE data::text LIKE '%Wrong%'`);
    await entry.getByRole('button', { name: /^Undo: / }).click();
    await dialog(page).getByRole('alert').filter({ hasText: 'There is no account, group or change of that name or number.' }).waitFor();
    assert.equal(await undoing(page).isDisabled(), true);
    await page.context().close();
});
