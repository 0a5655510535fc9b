// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, open, run, test } from './browser.mjs';

// One administrator, one page, from the first visit to the end of
// provisioning: the steps build on each other.
let browser, page, token;
before(async () => {
    browser = await launch();
    page = await open(browser, { user: given.user });
});
after(() => browser.close());

const button = name => page.getByRole('button', { name, exact: true });
const dialog = () => page.getByRole('dialog');
const inDialog = name => dialog().getByRole('button', { name, exact: true });

async function provision(secret) {
    return fetch(`${given.scim_url}/Users?count=1`, { headers: { Authorization: `Bearer ${secret}` } });
}

async function copied() {
    return page.evaluate(() => navigator.clipboard.readText());
}

test('the page opens on user provisioning, which is off, and says what to do next', async () => {
    await page.goto(given.url);
    await page.getByRole('heading', { level: 1, name: 'User provisioning' }).waitFor();
    await page.getByText('Generate a token for your identity provider.').waitFor();
    assert.match(await page.getByRole('heading', { name: 'State' }).innerText(), /off/);
    await page.getByText('There is no token yet.').waitFor();
});

test('Enable: Manage opens a dialog with a checkbox and Save', async () => {
    await button('Manage').click();
    assert.equal(await dialog().getByRole('checkbox', { name: 'Enable' }).isChecked(), false);
    await dialog().getByRole('checkbox', { name: 'Enable' }).check();
    await inDialog('Save').click();
    await page.getByText('User provisioning is on.').waitFor();
    assert.match(await page.getByRole('heading', { name: 'State' }).innerText(), /on/);
});

test('the SCIM URL is copied, with and without the flag for Entra ID', async () => {
    await button('Copy: SCIM URL').click();
    assert.equal(await copied(), given.scim_url);
    await button('Copy: SCIM URL for Microsoft Entra ID').click();
    assert.equal(await copied(), `${given.scim_url}?aadOptscim062020`);
    await page.getByText('its ending makes Entra ID follow the SCIM standard').waitFor();
});

test('a token without a name is refused at the field', async () => {
    await button('Generate token').click();
    await inDialog('Generate').click();
    const name = dialog().getByLabel('Name');
    await dialog().getByText('The name must not be empty.').waitFor();
    assert.equal(await name.getAttribute('aria-invalid'), 'true');
    assert.equal(await name.evaluate(input => input === document.activeElement), true);
});

test('so is one with markup, or with 10,000 characters', async () => {
    await dialog().getByLabel('Name').fill('<b>x</b>');
    await inDialog('Generate').click();
    await dialog().getByText('must not contain control characters, < or >').waitFor();
    await dialog().getByLabel('Name').fill('x'.repeat(10000));
    await inDialog('Generate').click();
    await dialog().getByText('must not be longer than 100 characters').waitFor();
});

test('a token is generated, shown once, copied, and works', async () => {
    await dialog().getByLabel('Name').fill('Entra ID');
    await inDialog('Generate').click();
    await dialog().getByText('It will not be shown again').waitFor();
    await inDialog('Copy: Token').click();
    token = await copied();
    assert.match(token, /^scim_[0-9a-f]{64}$/);
    await inDialog('Done').click();
    await page.waitForFunction(secret => !document.documentElement.outerHTML.includes(secret)
        && [...document.querySelectorAll('input, textarea')].every(({ value }) => !value.includes(secret)), token);
    await page.getByRole('rowheader', { name: 'Entra ID' }).waitFor();
    await page.getByText('Enter the SCIM URL and the token in your identity provider').waitFor();
});

test('Entra ID provisions with this token', async () => {
    const cycle = run('perl', '-It/lib', 'script/entra-cycle', '--url', given.scim_url, '--token', token);
    assert.match(cycle, /Create +taro.yamada.* success/);
});

test('its use is seen', async () => {
    await page.reload();
    await page.getByRole('row', { name: /Entra ID/ }).waitFor();
    assert.doesNotMatch(await page.getByRole('row', { name: /Entra ID/ }).innerText(), /never\s+never/);
});

test('the accounts appear in Members with the label Provisioned Managed Account', async () => {
    await page.getByRole('link', { name: 'Members' }).click();
    await page.getByRole('heading', { level: 1, name: 'Members' }).waitFor();
    const provisioned = page.getByRole('row').filter({ hasText: 'Provisioned Managed Account' });
    assert.ok(await provisioned.count() > 0);
    await page.getByLabel('Kind of account').selectOption({ label: 'Managed Account' });
    await page.getByRole('row', { name: /Administrator/ }).waitFor();
    await provisioned.first().waitFor({ state: 'detached' });
});

test('Activity has an entry of what Entra ID did', async () => {
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByRole('heading', { level: 1, name: 'Activity' }).waitFor();
    const entry = page.getByRole('row').filter({ hasText: 'Created' }).filter({ hasText: 'Entra ID (token)' });
    assert.ok(await entry.count() > 0);
    await page.getByRole('row').filter({ hasText: 'Provisioning switched on' }).filter({ hasText: '(administrator)' }).waitFor();
});

test('a second token lives beside the first', async () => {
    await page.getByRole('link', { name: 'User provisioning' }).click();
    await button('Generate token').click();
    await dialog().getByLabel('Name').fill('Entra ID 2027');
    await dialog().getByLabel('It ends').selectOption('on a day');
    await dialog().getByLabel('Last day').fill('2999-12-31');
    await inDialog('Generate').click();
    await inDialog('Copy: Token').waitFor();
    assert.equal(await inDialog('Copy: Token').evaluate(copy => copy === document.activeElement), true, 'the focus is where the token is copied');
    await inDialog('Done').click();
    await dialog().getByText('The token cannot be shown again.').waitFor();
    await inDialog('Done').click();
    await page.getByRole('row', { name: /Entra ID 2027.*2999/ }).waitFor();
    assert.equal((await provision(token)).status, 200);
});

test('Delete token asks first; Cancel keeps it', async () => {
    await button('Delete token: Entra ID').click();
    await dialog().getByText('Delete the token “Entra ID”').waitFor();
    assert.equal(await dialog().getByText('There is no other valid token').count(), 0);
    await inDialog('Cancel').click();
    assert.equal((await provision(token)).status, 200);
});

test('deleted, the next request is refused with 401', async () => {
    await button('Delete token: Entra ID').click();
    await inDialog('Delete token').click();
    await page.getByText('The token is deleted.').waitFor();
    await page.getByRole('rowheader', { name: 'Entra ID', exact: true }).waitFor({ state: 'detached' });
    assert.equal((await provision(token)).status, 401);
});

test('a token that somebody else has deleted meanwhile is deleted', async () => {
    await button('Delete token: Entra ID 2027').click();
    await dialog().getByText('There is no other valid token: provisioning stops altogether.').waitFor();
    const { tokens } = await page.evaluate(() => fetch('api/tokens').then(answer => answer.json()));
    await page.evaluate(id => fetch(`api/tokens/${id}`, { method: 'DELETE' }), tokens[0].id);
    await inDialog('Delete token').click();
    await page.getByText('The token is deleted.').waitFor();
    await page.getByText('There is no token yet.').waitFor();
    page.complaints = page.complaints.filter(text => !/404/.test(text));
});

test('Disable: requests are refused with 403', async () => {
    await button('Generate token').click();
    await dialog().getByLabel('Name').fill('third');
    await inDialog('Generate').click();
    await dialog().getByText('It will not be shown again').waitFor();
    const third = await dialog().getByLabel('Token', { exact: true }).inputValue();
    await inDialog('Copy: Token').click();
    await inDialog('Done').click();
    await button('Manage').click();
    await dialog().getByRole('checkbox', { name: 'Enable' }).uncheck();
    await inDialog('Save').click();
    await inDialog('Switch off').click();
    await page.getByText('User provisioning is off.').waitFor();
    assert.equal((await provision(third)).status, 403);
});

test('the refused request is in Activity', async () => {
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByLabel('What').selectOption('refused');
    await page.getByRole('row').filter({ hasText: 'Refused (403)' }).first().waitFor();
    await page.getByText('User provisioning is disabled').first().waitFor();
});

test('the browser had nothing to complain of, but for the refusals', () => {
    assert.deepEqual(page.complaints.filter(text => !/status of 400/.test(text)), []);
});
