// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { PAGES, after, before, dialogs, given, launch, noViolations, open, picture, sql, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const DIALOGS = dialogs('test');

for (const dark of [false, true]) {
    for (const width of [1280, 390]) {
        const look = `${width} px, ${dark ? 'dark' : 'light'}`;
        test(`axe finds nothing on any page or dialog (${look})`, async () => {
            const page = await open(browser, { user: given.user, width, dark });
            for (const [name, hash] of PAGES) {
                await visit(page, hash);
                await page.getByRole('navigation').waitFor();
                if (name === 'members') {
                    await page.getByText('seats').waitFor();
                }
                await noViolations(page, name);
                await picture(page, `page-${name}-${width}${dark ? '-dark' : ''}`);
                const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                assert.ok(overflow <= 0, `${name} fits the width`);
            }
            for (const [name, hash, button] of DIALOGS) {
                await visit(page, hash);
                await page.getByRole('button', { name: button, exact: true }).click();
                await page.getByRole('dialog').waitFor();
                await noViolations(page, name);
                await picture(page, `dialog-${name}-${width}${dark ? '-dark' : ''}`);
                await page.keyboard.press('Escape');
                await page.getByRole('dialog').waitFor({ state: 'detached' });
            }
            assert.deepEqual(page.complaints, []);
            await page.context().close();
        });
    }
}

test('the dialog with a new token has no violation either', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByLabel('Name').fill('pictured');
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    await page.getByText('It will not be shown again').waitFor();
    await noViolations(page, 'token');
    await page.context().close();
});

test('the page speaks Japanese to an administrator whose account does, in every text', async () => {
    const page = await open(browser, { user: given.japanese });
    for (const [, hash] of PAGES) {
        await visit(page, hash);
        assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
        await noViolations(page, `Japanese ${hash}`);
    }
    await visit(page, '#/activity');
    await page.getByText('この組織には、userName が「taro.yamada@example.com」のアカウントがすでにあります。').first().waitFor();
    await page.getByText('操作 1: op には add、replace、remove のいずれかを指定してください（送られた値: 「move」）。').first().waitFor();
    await visit(page, '#/');
    await page.getByRole('heading', { level: 1, name: 'ユーザープロビジョニング' }).waitFor();
    await page.getByRole('button', { name: 'トークンを生成' }).click();
    await page.getByRole('button', { name: '生成', exact: true }).click();
    await page.getByText('名前を入力してください。').waitFor();
    await picture(page, 'japanese-1280');
    await page.context().close();
});

test("the browser's language counts where the account has none", async () => {
    const page = await open(browser, { user: given.user, locale: 'ja-JP' });
    await visit(page, '#/');
    assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
    await page.context().close();
});

test('script in a displayName is text', async () => {
    const page = await open(browser, { user: given.user });
    for (const hash of [`#/members/${given.hostile}`, '#/activity', '#/members']) {
        await visit(page, hash);
        if (hash === '#/members') {
            await page.getByLabel('Kind of account').selectOption('provisioned');
        }
        await page.getByText('<img src=x onerror').first().waitFor();
        assert.doesNotMatch(await page.title(), /owned$|^owned/);
        assert.equal(await page.locator('main img, main script').count(), 0);
    }
    await page.context().close();
});

test('the keyboard alone opens a dialog, moves in it, does it, and is back', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    const manage = page.getByRole('button', { name: 'Manage' });
    for (let i = 0; i < 20 && !await manage.evaluate(b => b === document.activeElement); i++) {
        await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Switch user provisioning off?' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('User provisioning is off.').waitFor();
    await page.locator('dialog').waitFor({ state: 'detached' });    // which gives the focus back
    assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY', 'the focus is not lost');
    await page.getByRole('button', { name: 'Manage' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await page.getByText('User provisioning is on.').waitFor();
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Manage' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    assert.equal(await manage.evaluate(b => b === document.activeElement), true, 'Escape gives the focus back');
    await page.context().close();
});

test('a search has room, a URL is shown whole, and an address is broken before its @', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members');
    const widths = await page.locator('.filters label').evaluateAll(labels => labels.map(label => label.offsetWidth));
    assert.equal(Math.max(...widths), widths[0], `the search is the widest: ${widths}`);
    assert.ok(await page.locator('tbody td wbr').count() > 0);
    await page.setViewportSize({ width: 320, height: 800 });
    await visit(page, '#/');
    const hidden = await page.getByRole('textbox', { name: 'SCIM URL for Microsoft Entra ID' }).evaluate(text => text.scrollHeight - text.clientHeight);
    assert.ok(hidden <= 0, `${hidden} px of the URL are hidden`);
    await page.context().close();
});

test('members are found, chosen and paged', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members');
    const row = name => page.getByRole('row', { name });
    await page.getByRole('button', { name: 'Next page' }).click();
    await row(/Taro Yamada/).waitFor();
    await page.getByRole('button', { name: 'Previous page' }).click();
    await row(/Administrator/).waitFor();
    await page.getByLabel('Search').fill('yamada');
    await page.keyboard.press('Enter');
    await row(/Taro Yamada/).waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.getByLabel('Search').fill('');
    await page.getByLabel('State').selectOption('false');
    await row(/Lea Weggel/).waitFor();
    await page.getByLabel('Role').selectOption('ADMIN');
    await page.getByText('Nobody is found.').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await row(/Administrator/).waitFor();
    assert.equal(await page.getByLabel('Role').inputValue(), '');
    await page.context().close();
});

test('the address holds search, filters, order and page of the members', async () => {
    const page = await open(browser, { user: given.user });
    const names = () => page.locator('table.members tbody th').allTextContents();
    await visit(page, '#/members');
    const position = page.locator('.position');
    await position.getByText(/^1–50 of \d+$/).waitFor();
    await page.getByRole('button', { name: 'Next page' }).click();
    await position.getByText(/^51–\d+ of \d+$/).waitFor();
    const second = await names();
    await page.reload();
    await position.getByText(/^51–\d+ of \d+$/).waitFor();
    assert.deepEqual(await names(), second, 'a reload shows the same page');
    await page.getByRole('button', { name: 'Previous page' }).click();
    await position.getByText(/^1–50 of/).waitFor();
    await page.getByRole('button', { name: /^Name/ }).click();
    await page.locator('th[aria-sort=ascending]').filter({ hasText: /^Name/ }).waitFor();
    const ascending = await names();
    assert.deepEqual(ascending, [...ascending].sort((a, b) => a.toLowerCase() < b.toLowerCase() ? -1 : 1), 'sorted by name');
    await page.getByRole('button', { name: /^Name/ }).click();
    await page.locator('th[aria-sort=descending]').waitFor();
    assert.notDeepEqual(await names(), ascending);
    await page.getByLabel('Search').fill('yamada');
    await page.keyboard.press('Enter');
    await position.getByText('1–1 of 1').waitFor();
    assert.match(page.url(), /#\/members\?search=yamada&sort=displayName&order=descending$/);
    await page.getByRole('link', { name: 'Taro Yamada' }).click();
    await page.getByRole('link', { name: '← Members' }).click();
    await position.getByText('1–1 of 1').waitFor();
    assert.equal(await page.getByLabel('Search').inputValue(), 'yamada', 'the way back leads to what was searched');
    await page.locator('.counts').getByRole('link', { name: /ADMIN/ }).click();
    await page.getByRole('row', { name: /Administrator/ }).waitFor();
    assert.equal(await page.getByLabel('Role').inputValue(), 'ADMIN', 'a count leads to what it counts');
    await page.context().close();
});

test('the members that are shown are exported', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members?search=yamada');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export as CSV' }).click()]);
    const lines = (await readFile(await download.path(), 'utf8')).split('\r\n');
    assert.match(lines[0], /^\uFEFFid,userName,displayName,email,role,active,label,lastSync,lastSyncToken,manager,created,lastModified$/);
    assert.match(lines[1], /Taro Yamada/);
    assert.equal(lines.length, 3);
    await page.context().close();
});

test('an account that is not eligible is made so; an unmanaged one has no buttons', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members');
    await page.getByLabel('Kind of account').selectOption('ineligible');
    await page.getByRole('link', { name: 'Olga Dorn' }).click();
    await page.getByRole('button', { name: 'Make eligible' }).click();
    await page.getByText('The account is eligible for provisioning.').waitFor();
    await page.getByRole('row').filter({ hasText: 'Made eligible' }).waitFor();
    await visit(page, '#/members');
    await page.getByLabel('Kind of account').selectOption('unmanaged');
    await page.getByRole('link', { name: 'Otto Wirt' }).click();
    await page.getByText('If the owner agrees, whoever runs this server can make it a Managed Account.').waitFor();
    assert.equal(await page.locator('main').getByRole('button').count(), 0);
    await page.context().close();
});

test('an edit of a provisioned account says that the next sync overwrites it', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/members/${given.member}`);
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByText('the next sync of your identity provider overwrites').waitFor();
    await page.getByLabel('Name').fill('Taro By Hand');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1, name: 'Taro By Hand' }).waitFor();
    await page.getByRole('row').filter({ hasText: 'Taro Yamada → Taro By Hand' }).waitFor();
    await page.context().close();
});

test('a downgrade to GUEST stands out, and the refused request says why', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await page.getByLabel('What').selectOption('guest');
    const guest = page.locator('tr.stands-out').filter({ hasText: 'Downgraded to GUEST' });
    await guest.waitFor();
    await page.locator('tbody tr:only-child').waitFor();
    await page.getByLabel('What').selectOption('');
    await page.getByRole('searchbox', { name: 'Account or group' }).fill('TARO.YAMADA@example.com');
    await page.keyboard.press('Enter');
    await page.getByText('Another account of this organization has the userName').waitFor();
    await page.context().close();
});

test('a warning says what was lost and what to do, in both languages', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await page.getByLabel('What').selectOption('warning');
    const row = page.getByRole('row').filter({ hasText: "The role 'BOSS' is unknown, so the account is a GUEST. Map roles to ADMIN, USER or GUEST in the identity provider." });
    await row.getByText('Warning', { exact: true }).waitFor();
    await row.getByRole('link', { name: 'uwe.boss@example.com' }).waitFor();
    await page.getByText("The attribute 'favouriteColour' is not part of the schema and was ignored.").waitFor();
    await page.locator('table.activity').getByText('Created', { exact: true }).first().waitFor({ state: 'detached' });    // nothing else is shown
    await noViolations(page, 'warnings');
    await page.context().close();
    const japanese = await open(browser, { user: given.japanese });
    await visit(japanese, '#/activity');
    await japanese.locator('select[name=kind]').selectOption('warning');
    await japanese.getByText('ロール「BOSS」は存在しないため、アカウントは GUEST になりました。').waitFor();
    await japanese.context().close();
});

test('members that differ from the identity provider can be chosen', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members');
    await page.getByLabel('Possible problem').selectOption('never');
    await page.getByText('Olga Dorn').waitFor();
    await page.getByText(/^created on \w+ \d+, \d{4}$/).first().waitFor();
    await page.getByText('Taro Yamada').waitFor({ state: 'detached' });
    await page.getByLabel('Possible problem').selectOption('domains');
    await page.getByText('Nobody is found.').waitFor();
    await noViolations(page, 'drift');
    await page.context().close();
});

test('an account that is gone and a page that is not are messages', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.goto(`${given.url}#/members/00000000-0000-0000-0000-000000000000`);
    await page.getByText('There is no such account').waitFor();
    await page.goto(`${given.url}#/somewhere`);
    await page.getByRole('heading', { level: 1, name: 'User provisioning' }).waitFor();
    await page.context().close();
});

test('who loses ADMIN while the page is open is told so', async () => {
    const page = await open(browser, { user: given.japanese, locale: 'en-US' });
    await visit(page, '#/');
    sql(`UPDATE scim.account SET role = 'USER' WHERE user_name = '${given.japanese}'
         AND organization_id = (SELECT id FROM scim.organization WHERE key = '${given.organization}')`);
    await page.getByRole('button', { name: '管理' }).click();
    await page.getByRole('button', { name: '保存' }).click();
    await page.getByText('この組織の有効な管理者ではありません。').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'No access' }).waitFor();
    await noViolations(page, 'No access');
    await page.context().close();
});

test('a page that could not be shown leaves a way on', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members/00000000-0000-4000-8000-000000000000');
    await page.getByRole('heading', { level: 1, name: 'Not available' }).waitFor();
    await page.getByRole('link', { name: 'Back to Members' }).click();
    await page.getByRole('heading', { level: 1, name: 'Members' }).waitFor();
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByRole('heading', { level: 1, name: 'Activity' }).waitFor();
    await page.context().close();
});

test('a last day that is no date makes no token', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    for (const typed of ['0205', '0205202777']) {
        await page.getByRole('button', { name: 'Generate token' }).click();
        await page.getByLabel('Name').fill('half typed');
        await page.getByLabel('It ends').selectOption('on a day');
        await page.getByLabel('Last day').focus();
        await page.keyboard.type(typed);
        await page.getByRole('button', { name: 'Generate', exact: true }).click();
        await page.getByText('This is not a date.').waitFor();
        assert.equal(await page.getByLabel('Last day').getAttribute('aria-invalid'), 'true');
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    assert.equal(sql(`SELECT count(*) FROM scim.token WHERE organization_id = (SELECT organization_id FROM scim.account WHERE id = '${given.member}') AND name = 'half typed'`), '0');
    await page.context().close();
});

test('that the token was copied is said in its dialog', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByLabel('Name').fill('copied');
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    await page.getByRole('button', { name: 'Copy: Token' }).click();
    await page.getByRole('dialog').getByText('Copied.').waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^scim_/);
    await page.context().close();
});

test('a next page that fails is a message, and paging goes on where it was', async () => {
    const page = await open(browser, { user: given.user });
    const row = name => page.getByRole('row', { name });
    await visit(page, '#/members');
    await page.route('**/api/members?*', route => route.abort());
    await page.getByRole('button', { name: 'Next page' }).click();
    await page.getByText('The server cannot be reached.').waitFor();
    await page.unroute('**/api/members?*');
    await page.getByRole('button', { name: 'Next page' }).click();
    await row(/Zora Much/).waitFor();
    await page.getByRole('button', { name: 'Previous page' }).click();
    await row(/Administrator/).waitFor();
    await page.context().close();
});

test('an answer that comes late does not take the place of a newer choice', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/members');
    let release;
    const held = new Promise(resolve => { release = resolve; });
    await page.route('**/api/members?*role=USER*', async route => { await held; await route.continue(); });
    await page.getByLabel('Role').selectOption('USER');
    await page.getByLabel('Role').selectOption('ADMIN');
    await page.getByRole('row', { name: /Person 1 / }).waitFor({ state: 'detached' });
    await page.getByRole('row', { name: /Administrator/ }).waitFor();
    const late = page.waitForResponse(/role=USER/);
    release();
    await (await late).finished();
    await page.evaluate(() => new Promise(resolve => { setTimeout(resolve); }));
    assert.equal(await page.getByRole('row', { name: /Person 1 / }).count(), 0);
    await page.getByRole('row', { name: /Administrator/ }).getByRole('link').click();
    await page.getByRole('heading', { name: 'History' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Members' }).waitFor();
    assert.equal(await page.getByLabel('Role').inputValue(), 'ADMIN', 'who comes back finds what was chosen');
    await page.context().close();
});

test('a filter that matches nothing can be cleared', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    const account = page.getByRole('searchbox', { name: 'Account or group' });
    await account.fill('nobody at all');
    await page.keyboard.press('Enter');
    await page.getByText('No entries found.').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.locator('table.activity tbody tr').nth(2).waitFor();
    assert.equal(await account.inputValue(), '');
    await page.context().close();
});

test('the history of a member has all entries, and says what changed inside a list', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/members/${given.changed}`);
    const history = page.locator('table.activity');
    await history.getByText('E-mail, type: work → home').waitFor();
    assert.equal(await history.getByText('Created', { exact: true }).count(), 0);
    await page.getByRole('button', { name: 'Older entries' }).click();
    await history.getByText('Created', { exact: true }).waitFor();
    await page.context().close();
});
