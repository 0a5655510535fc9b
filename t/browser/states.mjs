// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, sql, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const state = () => sql(`SELECT provisioning_enabled::text || ' ' || provisioning_paused::text FROM scim.organization WHERE key = '${given.organization}'`);
const dialog = page => page.getByRole('dialog');
const press = (page, name) => dialog(page).getByRole('button', { name, exact: true }).click();
const choose = (page, name) => dialog(page).getByRole('checkbox', { name, exact: true });

async function manage(page) {
    await page.getByRole('button', { name: 'Manage', exact: true }).click();
    await dialog(page).waitFor();
}

test('Manage says what on, paused and off mean; a pause shows on the page', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await manage(page);
    for (const text of ['While it is on', 'While it is paused, nothing is changed', 'While it is off']) {
        await dialog(page).getByText(text).waitFor();
    }
    assert.equal(await choose(page, 'Enable').isChecked(), true);
    assert.equal(await choose(page, 'Pause').isChecked(), false);
    await choose(page, 'Pause').check();
    await press(page, 'Save');
    await page.getByText('User provisioning is paused.').waitFor();
    assert.match(await page.getByRole('heading', { name: 'State' }).innerText(), /paused/);
    await page.getByText('Requests of your identity provider are put off').waitFor();
    assert.equal(state(), 'true true');
    await page.getByText(/^Since \w+ \d.*, by admin-.*\. Nothing is changed/).waitFor();
    await page.getByRole('button', { name: 'End the pause' }).click();
    assert.deepEqual([await choose(page, 'Enable').isChecked(), await choose(page, 'Pause').isChecked()], [true, false], 'it proposes what it says');
    await press(page, 'Cancel');
    await noViolations(page, 'paused');
    await page.context().close();
});

test('it is resumed in the same place', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await manage(page);
    assert.equal(await choose(page, 'Pause').isChecked(), true);
    await choose(page, 'Pause').uncheck();
    await press(page, 'Save');
    await page.getByText('User provisioning is on.').waitFor();
    assert.equal(state(), 'true false');
    await page.context().close();
});

test('switching off says what it means, and asks; Cancel leaves it on', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await manage(page);
    await choose(page, 'Pause').check();
    await choose(page, 'Enable').uncheck();
    assert.equal(await choose(page, 'Pause').isChecked(), false, 'what is off is not paused');
    assert.equal(await choose(page, 'Pause').isDisabled(), true);
    await press(page, 'Save');
    await dialog(page).getByRole('heading', { name: 'Switch user provisioning off?' }).waitFor();
    for (const text of ['nobody loses access', 'keeps access until you deactivate', 'quarantine', 'after four weeks', 'pause instead']) {
        await dialog(page).getByText(text).waitFor();
    }
    await noViolations(page, 'switch off');
    await picture(page, 'dialog-switch-off-1280');
    await press(page, 'Cancel');
    await dialog(page).waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('button', { name: 'Manage' }).evaluate(b => b === document.activeElement), true, 'the focus is where it was');
    assert.equal(state(), 'true false');
    await page.context().close();
});

test('after the answer it is off, and on again without a question', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await manage(page);
    await choose(page, 'Enable').uncheck();
    await press(page, 'Save');
    await press(page, 'Switch off');
    await page.locator('body > #status').getByText('User provisioning is off.').waitFor();
    assert.equal(state(), 'false false');
    const notice = page.locator('section').filter({ has: page.getByRole('heading', { name: 'User provisioning is off' }) });
    await notice.getByText(/^Since .*, by admin-.* is refused\.$/).waitFor();
    await notice.getByRole('button', { name: 'Switch it on' }).waitFor();
    await noViolations(page, 'off');
    await picture(page, 'state-off');
    await manage(page);
    await choose(page, 'Enable').check();
    await press(page, 'Save');
    await page.getByText('User provisioning is on.').waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

for (const width of [320, 1280]) {
    test(`the dialogs fit ${width} px, in Japanese, and axe finds nothing`, async () => {
        const page = await open(browser, { user: given.japanese, width });
        await visit(page, '#/');
        await page.getByRole('button', { name: '管理', exact: true }).click();
        await dialog(page).getByText('一時停止の間は何も変更されません。').waitFor();
        await noViolations(page, 'Manage in Japanese');
        await choose(page, '有効にする').uncheck();
        await press(page, '保存');
        await dialog(page).getByRole('heading', { name: 'ユーザープロビジョニングをオフにしますか？' }).waitFor();
        await dialog(page).getByText('アクセスできなくなる人はいません。').waitFor();
        await noViolations(page, 'the question in Japanese');
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth) <= 0, 'it fits');
        await press(page, 'キャンセル');
        assert.equal(state(), 'true false');
        await page.context().close();
    });
}
