// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, open, test } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const settings = `${given.url}/organizations/${given.organization}/`;

async function signIn(page, url, name) {
    await page.goto(url);
    await page.locator('input[name=username]').fill(name);
    await page.locator('input[name=password]').fill('secret');
    await page.locator('input[name=password]').press('Enter');
}

test('browser -> mellon -> identity provider -> settings page', async () => {
    const page = await open(browser);
    await signIn(page, settings, 'admin');
    await page.getByRole('heading', { level: 1, name: 'User provisioning' }).waitFor();
    await page.getByText(`Signed in as ${given.administrator}`).waitFor();
    await page.getByText('You signed in by SAML: single sign-on protects this page.').waitFor();
    assert.equal(await page.getByLabel('SCIM URL', { exact: true }).first().inputValue(), `${given.url}/scim/${given.organization}/v2`);
});

test('who signed in by SAML may switch provisioning on where SCIMRequireSSO asks for it', async () => {
    const page = await open(browser);
    await signIn(page, settings, 'admin');
    await page.getByRole('button', { name: 'Manage' }).click();
    await page.getByRole('checkbox', { name: 'Enable' }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('User provisioning is on.').waitFor();
});

test('a USER signs in and is told that the page is not for him', async () => {
    const page = await open(browser);
    await signIn(page, settings, 'taro');
    await page.getByRole('heading', { name: 'No access' }).waitFor();
    assert.deepEqual(await page.getByText(given.user).count(), 2, 'in both languages');
});

test('Sign out leads to the identity provider, by the module that signed people in', async () => {
    const page = await open(browser);
    await signIn(page, settings, 'admin');
    const out = page.getByRole('link', { name: 'Sign out' });
    assert.equal(await out.evaluate(link => link.href), `${given.url}/mellon/logout?ReturnTo=/`);
    const asked = page.waitForRequest(request => new URL(request.url()).searchParams.has('SAMLRequest') && !request.url().startsWith(given.url));
    await out.click();
    assert.match((await asked).url(), /logout/i);
});

test('the application behind the same sign-in is told who it is, and by nobody else', async () => {
    const page = await open(browser);
    await page.setExtraHTTPHeaders({ 'X-User': 'somebody@else' });
    await signIn(page, `${given.url}/application/`, 'taro');
    await page.getByText('The application').waitFor();
    assert.match(await page.locator('body').innerText(), new RegExp(`x-user: ${given.user}$`, 'm'));
});

test('a session that has ended is a message on the page, not a stack of errors', async () => {
    const page = await open(browser);
    await signIn(page, settings, 'admin');
    await page.getByRole('button', { name: 'Manage' }).click();
    await page.context().clearCookies();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your sign-in has ended. Reload the page to sign in again.').waitFor();
});

test('the SCIM endpoint asks for a token, not for a sign-in', async () => {
    const page = await open(browser);
    const response = await page.request.get(`${given.url}/scim/${given.organization}/v2/Users`, { maxRedirects: 0 });
    assert.equal(response.status(), 401);
    assert.match(response.headers()['www-authenticate'], /^Bearer/);
});
