// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, sql, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const dialog = page => page.getByRole('dialog');
const days = name => sql(`SELECT coalesce(round(extract(epoch FROM expires_at - now()) / 86400)::text, 'none') FROM scim.token WHERE organization_id = '${given.organization}' AND name = '${name}'`);
const leave = left => sql(`UPDATE scim.token SET expires_at = now() + interval '${left}' WHERE id = '${given.token}'`);

async function generate(page, name, choose = async () => {}) {
    await page.getByRole('button', { name: 'Generate token' }).click();
    await dialog(page).getByLabel('Name').fill(name);
    await choose();
    await dialog(page).getByRole('button', { name: 'Generate', exact: true }).click();
    await dialog(page).getByText('It will not be shown again').waitFor();
    const said = await dialog(page).getByText(/^It ends|^It does not end/).innerText();
    await noViolations(page, name);
    await dialog(page).getByRole('button', { name: 'Copy: Token' }).click();
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    await dialog(page).waitFor({ state: 'detached' });
    return said;
}

test('a token ends in a year, on a day, or never, as it was chosen', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    const end = dialog(page).getByLabel('It ends');
    assert.match(await generate(page, 'by itself'), /^It ends: .*20\d\d/);
    assert.equal(days('by itself'), '365');
    assert.match(await generate(page, 'forever', () => end.selectOption('never: only when it is deleted')), /does not end/);
    assert.equal(days('forever'), 'none');
    await generate(page, 'a day', async () => {
        assert.equal(await dialog(page).getByLabel('Last day').isVisible(), false, 'nothing asks for a day that does not count');
        await end.selectOption('on a day');
        await dialog(page).getByLabel('Last day').fill('2999-12-31');
    });
    assert.match(days('a day'), /^35\d{4}$/);
    await generate(page, 'no day after all', async () => {
        await end.selectOption('on a day');
        await dialog(page).getByLabel('Last day').fill('2999-12-31');
        await end.selectOption('in a year');
    });
    assert.equal(days('no day after all'), '365');
    await page.context().close();
});

test('on a day without a day is no end', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await dialog(page).getByLabel('Name').fill('undecided');
    await dialog(page).getByLabel('It ends').selectOption('on a day');
    await dialog(page).getByRole('button', { name: 'Generate', exact: true }).click();
    await dialog(page).getByText('This is not a date.').waitFor();
    assert.equal(await dialog(page).getByLabel('Last day').getAttribute('aria-invalid'), 'true');
    await page.context().close();
});

for (const [left, user, badge, todo] of [['29 days 12 hours', given.user, 'ends in 29 days', /^The token “.*” ends: .*Generate another one/],
    ['1 day 1 hour', given.japanese, 'あと 1 日で期限切れ', /^トークン「.*」の有効期限: .*新しいトークンを生成して/],
    ['2 hours', given.user, 'ends within a day', /Generate another one/]]) {
    test(`a token with ${left} left has a badge, and the page says what to do`, async () => {
        leave(left);
        const page = await open(browser, { user });
        await visit(page, '#/');
        await page.getByRole('rowheader').getByText(badge).waitFor();
        await page.getByText(todo).waitFor();
        await noViolations(page, badge);
        await page.context().close();
    });
}

test('a deleted or expired token that is still used is named, in both languages, and not in the table', async () => {
    sql(`INSERT INTO scim.deleted_token (organization_id, id, name, prefix, hash, refused_at)
         VALUES ('${given.organization}', gen_random_uuid(), 'Old Entra ID', 'scim_0a1b2c', sha256('x'), now())`);
    leave('-1 hour');
    sql(`UPDATE scim.token SET name = 'Worn out', refused_at = now() WHERE id = '${given.token}'`);
    for (const [user, ...texts] of [[given.user, /still uses the deleted token “Old Entra ID”/, /still uses the expired token “Worn out”/],
        [given.japanese, /削除されたトークン「Old Entra ID」/, /期限切れのトークン「Worn out」/]]) {
        const page = await open(browser, { user });
        await visit(page, '#/');
        for (const text of texts) {
            await page.getByText(text).waitFor();
        }
        assert.equal(await page.getByRole('rowheader').getByText('Old Entra ID').count(), 0);
        await page.getByText(/and not counted here|この件数には含まれません/).waitFor();
        await noViolations(page, 'tokens that are used in vain');
        await page.context().close();
    }
    sql(`DELETE FROM scim.deleted_token WHERE organization_id = '${given.organization}'`);
    sql(`UPDATE scim.token SET refused_at = NULL WHERE id = '${given.token}'`);
});

test('one that has more time has neither', async () => {
    leave('31 days');
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.getByRole('row').nth(1).waitFor();
    assert.equal(await page.getByText(/ends in|ends within|Generate another one/).count(), 0);
    await page.context().close();
});
