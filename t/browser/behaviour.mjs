// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { PAGES, after, before, given, launch, noViolations, open, picture, sql, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const dialog = page => page.getByRole('dialog');
const inDialog = (page, name) => dialog(page).getByRole('button', { name, exact: true });

// Let requests of the page's API wait until the returned function is called.
async function hold(page, path) {
    let release;
    const held = new Promise(resolve => { release = resolve; });
    const seen = [];
    await page.route(`**/api/${path}`, async route => {
        seen.push(route.request().method());
        await held;
        await route.continue();
    });
    return { release, seen };
}

// Whether there is a line at the top.
const shows = () => {
    const { content, opacity } = getComputedStyle(document.getElementById('main'), '::before');
    return content !== 'none' && opacity === '1';
};

test('a tab changes at once, and a slow answer shows after 300 ms', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    const { release } = await hold(page, 'members*');
    await page.getByRole('link', { name: 'Members' }).click();
    await page.locator('nav [aria-current]', { hasText: 'Members' }).waitFor();
    assert.equal(await page.locator('main').getAttribute('aria-busy'), 'true');
    await page.waitForFunction(shows);
    release();
    await page.getByRole('heading', { level: 1, name: 'Members' }).waitFor();
    assert.equal(await page.locator('main').getAttribute('aria-busy'), null);
    assert.equal(await page.evaluate(shows), false);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('a button does its work once, however often it is pressed, and keeps the focus', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/members/${given.waiting}`);
    const { release, seen } = await hold(page, `members/${given.waiting}`);
    const eligible = page.getByRole('button', { name: 'Make eligible' });
    await eligible.focus();
    for (let i = 0; i < 3; i++) {
        await page.keyboard.press('Enter');
    }
    assert.equal(await eligible.getAttribute('aria-disabled'), 'true');
    assert.equal(await eligible.evaluate(element => element === document.activeElement), true);
    release();
    await page.getByText('The account is eligible for provisioning.').waitFor();
    assert.equal(seen.filter(method => method === 'PATCH').length, 1);
    await page.context().close();
});

test('a new token is shown whole, Copy has the focus, and closing asks once', async () => {
    for (const width of [1280, 320]) {
        const page = await open(browser, { user: given.user, width });
        await visit(page, '#/');
        await page.getByRole('button', { name: 'Generate token', exact: true }).click();
        await dialog(page).getByRole('textbox', { name: /Name/ }).fill('shown once');
        await inDialog(page, 'Generate').click();
        const copy = inDialog(page, 'Copy: Token');
        await copy.waitFor();
        assert.equal(await copy.evaluate(element => element === document.activeElement), true);
        const hidden = await dialog(page).getByRole('textbox', { name: 'Token' })
            .evaluate(text => [text.scrollWidth - text.clientWidth, text.scrollHeight - text.clientHeight]);
        assert.ok(Math.max(...hidden) <= 0, `no part of it is hidden at ${width} px: ${hidden}`);
        await page.keyboard.press('Escape');
        await dialog(page).getByText('The token cannot be shown again.').waitFor();
        await noViolations(page, 'the question');
        await picture(page, `token-question-${width}`);
        await page.keyboard.press('Escape');
        await dialog(page).waitFor({ state: 'detached' });
        await page.getByRole('button', { name: 'Generate token', exact: true }).click();
        await dialog(page).getByRole('textbox', { name: /Name/ }).fill('copied');
        await inDialog(page, 'Generate').click();
        await copy.click();
        await dialog(page).getByText('Copied.').waitFor();
        await page.keyboard.press('Escape');
        await dialog(page).waitFor({ state: 'detached' });
        await page.context().close();
    }
});

test('who edits an account that is gone is told so, and comes back to a page that is true', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/members/${given.gone}`);
    await page.getByRole('button', { name: 'Edit' }).click();
    await dialog(page).getByLabel('Name').fill('Too late');
    sql(`DELETE FROM scim.account WHERE id = '${given.gone}'`);
    await inDialog(page, 'Save').click();
    await dialog(page).getByText('There is no such account (any more).').waitFor();
    assert.equal(await inDialog(page, 'Save').count(), 0, 'trying again would not help');
    await noViolations(page, 'what is gone');
    await inDialog(page, 'Close').click();
    await page.getByRole('heading', { level: 1, name: 'Not available' }).waitFor();
    await page.context().close();
});

test('a sign-in that has ended takes nothing of what was entered', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/members/${given.member}`);
    await page.getByRole('button', { name: 'Edit' }).click();
    await dialog(page).getByLabel('Name').fill('Typed before the end');
    await page.route(`**/api/members/${given.member}`, route => route.fulfill({ status: 401 }));
    await inDialog(page, 'Save').click();
    await dialog(page).getByText('Your sign-in has ended.').waitFor();
    const again = dialog(page).getByRole('link', { name: 'Or sign in again in a new tab, then repeat this here.' });
    assert.equal(await again.getAttribute('target'), '_blank');
    assert.equal(await again.evaluate(link => link.href), given.url);
    await page.unroute(`**/api/members/${given.member}`);
    await inDialog(page, 'Save').click();
    await page.getByRole('heading', { level: 1, name: 'Typed before the end' }).waitFor();
    await page.context().close();
});

test('provisioned accounts are read-only where the organization chooses so', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    const section = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Provisioned accounts' }) });
    await section.getByText('can be edited', { exact: true }).waitFor();
    const late = await open(browser, { user: given.user });
    await visit(late, `#/members/${given.member}`);
    await late.getByRole('button', { name: 'Edit' }).click();
    await section.getByRole('button', { name: 'Change' }).click();
    await dialog(page).getByRole('checkbox', { name: 'Read-only on this page' }).check();
    await noViolations(page, 'the choice');
    await inDialog(page, 'Save').click();
    await section.getByText('read-only', { exact: true }).waitFor();
    await dialog(late).getByLabel('Name').fill('Overtaken');
    await inDialog(late, 'Save').click();
    await dialog(late).getByText('Change it in your identity provider').waitFor();
    await visit(page, `#/members/${given.member}`);
    await page.getByText('It is read-only here.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Edit' }).count(), 0);
    await visit(page, `#/members/${given.waiting}`);
    await page.getByRole('button', { name: 'Edit' }).waitFor();
    await visit(page, '#/activity');
    await page.getByText('provisionedReadOnly: false → true').waitFor();
    const japanese = await open(browser, { user: given.japanese });
    await visit(japanese, `#/members/${given.member}`);
    await japanese.getByText('このページでは変更できません。').waitFor();
    await Promise.all([page, late, japanese].map(opened => opened.context().close()));
});

test('a page for those who are not let in says why, in the dark as well', async () => {
    for (const dark of [false, true]) {
        for (const width of [1280, 320]) {
            const page = await open(browser, { user: given.nobody, dark, width });
            await page.goto(given.url);
            await page.getByRole('heading', { name: 'No access' }).waitFor();
            const text = await page.locator('main').innerText();
            assert.ok(text.includes(`You are signed in as ${given.nobody}.`) && text.includes(`(role ADMIN) of ${given.key}`), text);
            assert.match(text, /管理者にロールの付与を依頼するか/);
            assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark ? 'rgb(20, 24, 31)' : 'rgb(245, 246, 248)');
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
            await noViolations(page, 'No access');
            await picture(page, `no-access-${width}${dark ? '-dark' : ''}`);
            assert.deepEqual(page.complaints.filter(text => !/status of 403/.test(text)), [], 'the style is allowed');
            await page.context().close();
        }
    }
});

test('an address with nothing leads back to the settings', async () => {
    const page = await open(browser, { user: given.user, dark: true });
    await page.goto(`${given.url}nothing/here`);
    await page.getByRole('heading', { name: 'Not found' }).waitFor();
    await noViolations(page, 'Not found');
    await page.getByRole('link', { name: 'Back to the settings' }).click();
    await page.getByRole('heading', { level: 1, name: 'User provisioning' }).waitFor();
    await page.context().close();
});

test('Sign out leads where the operator has said, also from the page for others', async () => {
    for (const user of [given.user, given.nobody]) {
        const page = await open(browser, { user });
        await page.goto(given.signs_out);
        await page.getByRole('link', { name: 'Sign out' }).click();
        await page.waitForURL('**/plain.txt?signed=out');
        await page.context().close();
    }
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    assert.equal(await page.getByRole('link', { name: 'Sign out' }).count(), 0, 'elsewhere there is no such link');
    await page.context().close();
});

test('the next step has a button that does it, and the steps of each identity provider are there', async () => {
    const page = await open(browser, { user: given.new.user });
    await page.goto(given.new.url);
    await page.getByRole('button', { name: 'Generate the token' }).click();
    await dialog(page).getByRole('textbox', { name: /Name/ }).fill('first');
    await inDialog(page, 'Generate').click();
    await inDialog(page, 'Copy: Token').click();
    await inDialog(page, 'Done').click();
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await dialog(page).getByRole('heading', { name: 'Manage user provisioning' }).waitFor();
    assert.equal(await dialog(page).getByRole('checkbox', { name: 'Enable' }).isChecked(), true, 'which is what the button says');
    await page.keyboard.press('Escape');
    const steps = page.locator('.steps li');
    for (const [provider, words] of [['Microsoft Entra ID', /SingleAppRoleAssignment/], ['Okta', /SCIM connector base URL/],
        ['OneLogin', /SCIM Bearer Token/], ['Another identity provider', /Authorization: Bearer/]]) {
        await page.getByRole('combobox', { name: 'Identity provider' }).selectOption({ label: provider });
        assert.match((await steps.allInnerTexts()).join('\n'), words, provider);
    }
    await page.getByRole('combobox', { name: 'Identity provider' }).selectOption('entra');
    await page.getByRole('button', { name: 'Copy: Expression' }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'SingleAppRoleAssignment([appRoleAssignments])');
    await noViolations(page, 'the steps');
    await page.getByRole('combobox', { name: 'Identity provider' }).selectOption('okta');
    await page.reload();
    await steps.filter({ hasText: 'SCIM connector base URL' }).waitFor();
    await page.context().close();
});

test('paper has the data and nothing to press, and cuts nothing off', async () => {
    const page = await open(browser, { user: given.user, width: 794, height: 1123 });
    for (const [name, hash] of PAGES.filter(([, hash]) => !/undefined/.test(hash))) {
        await visit(page, hash);
        await page.emulateMedia({ media: 'print' });
        const seen = await page.evaluate(() => [...document.querySelectorAll('nav, button, form, input, select, .next')]
            .filter(element => element.checkVisibility()).map(element => element.outerHTML.slice(0, 60)));
        assert.deepEqual(seen, [], `${name} has nothing to press`);
        const out = await page.evaluate(() => [...document.querySelectorAll('main *')].filter(element => element.checkVisibility()
            && element.getBoundingClientRect().right > window.innerWidth + 1).map(element => element.outerHTML.slice(0, 60)));
        assert.deepEqual(out, [], `${name} fits`);
        if (name === 'provisioning') {
            await page.getByText(/^http\S+\/v2$/).waitFor();
        }
        await picture(page, `print-${name}`);
        await page.emulateMedia({ media: 'screen' });
    }
    await page.context().close();
});
