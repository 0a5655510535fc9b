// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { after, before, given, launch, open, run, sql, test } from './browser.mjs';

let browser;
let page;
before(async () => {
    browser = await launch();
    page = await open(browser);
});
after(() => browser.close());

const application = `${given.url}/application/`;
const { taro } = given;

// Entra ID brings Taro's account up to date, then makes these changes.
function entra(...changes) {
    const directory = `${given.dir}/directory.json`;
    writeFileSync(directory, JSON.stringify({ users: [taro], changes: [changes.map(change => ({ ...change, id: taro.id }))] }));
    run(given.entra, '--url', given.scim, '--token', given.token, '--flag', '--directory', directory);
}

async function statusOf(url) {
    return (await page.goto(url)).status();
}

async function mellonCookie() {
    return (await page.context().cookies()).find(({ name }) => name.startsWith('mellon-'))?.value;
}

test('Taro signs in by SAML, but is not provisioned: 403, and no login loop', async () => {
    await page.goto(application);
    await page.locator('input[name=username]').fill('taro');
    await page.locator('input[name=password]').fill('secret');
    await page.locator('input[name=password]').press('Enter');
    await page.getByRole('heading', { name: 'Forbidden' }).waitFor();
    assert.equal(page.url(), application);
});

let cookie;
test('Entra ID provisions him as USER: with the session that he has, he is in', async () => {
    cookie = await mellonCookie();
    entra();
    assert.equal(await statusOf(application), 200);
    const text = await page.locator('body').innerText();
    assert.match(text, new RegExp(`^x-user-name: ${taro.userPrincipalName}$`, 'm'));
    assert.match(text, /^x-role: USER$/m);
    assert.equal(await statusOf(`${application}admin/`), 403);
});

test('Entra ID unassigns him: his next request is 403, although his session at mellon is good', async () => {
    entra({ action: 'unassign' });
    assert.equal(await statusOf(application), 403);
    assert.equal(await mellonCookie(), cookie);
    assert.equal(page.url(), application);
});

test('re-assigned he is in again, without a new sign-in; made ADMIN, the admin area opens', async () => {
    entra();
    assert.equal(await statusOf(application), 200);
    taro.role = 'ADMIN';
    entra();
    assert.equal(await statusOf(`${application}admin/`), 200);
    assert.match(await page.locator('body').innerText(), /^x-role: ADMIN$/m);
    assert.equal(await mellonCookie(), cookie);
});

test('the object id joins him: another userName is still his, and a userName alone opens nothing', async () => {
    sql(`UPDATE scim.account SET user_name = 'renamed-' || user_name WHERE organization_id = '${given.organization}' AND external_id = '${taro.id}'`);
    assert.equal(await statusOf(application), 200);
    sql(`UPDATE scim.account SET user_name = '${taro.userPrincipalName}', external_id = 'somebody-else' WHERE organization_id = '${given.organization}' AND external_id = '${taro.id}'`);
    assert.equal(await statusOf(application), 403);
});
