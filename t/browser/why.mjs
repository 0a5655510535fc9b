// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, sql, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const base = given.url;

// The first page of an organization, for an administrator.
async function firstPage(organization, user, look = {}) {
    given.url = `${base}${organization}/`;
    const page = await open(browser, { user, ...look });
    await visit(page, '#/');
    return page;
}

async function ask(page, text, button = 'Find out') {
    await page.locator('input[name=person]').fill(text);
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.locator('.why .causes').first().waitFor();
    return page.locator('.why .causes').first().innerText();
}

// Who is asked for, and what the answer has to name: the cause, and what to do.
const PEOPLE = [
    ['dora@elsewhere.example', [/not a verified domain/, /ask whoever runs this server to add the domain/]],
    ['uma@acme.example', [/^Uma Unmanaged \(uma@acme.example\): Unmanaged account\s+Its owner administers this account: neither you nor/, /If the owner agrees, whoever runs this server/]],
    ['ina@acme.example', [/: Managed Account, not eligible\s+Your identity provider may not change this account yet\. Make it eligible/]],
    ['rolf@acme.example', [/The role 'BOSS' is unknown, so the account is a GUEST/, /Map roles to ADMIN, USER or GUEST/]],
    ['gus@acme.example', [/^Refused \(403\) .* gus@acme.example: “test” wanted to deactivate the account; it is still active\.\s+The safety limit holds it back\.\s+If this change is right, let it through/,
        /Let them through\s+Gus Guarded .*still active, as \w+\.\s+The person can sign in as gus@acme.example until/]],
    ['leo@acme.example', [/deactivated/, /assign the person to the application there again/]],
    ['mia@acme.example', [/your identity provider has never changed it/]],
    ['paula@example.com', [/this account is provisioned and active, as GUEST/, /signing in as paula@example.com\. If they cannot, look at the sign-in logs/]],
    ['olga', [/has the userName 'olga@acme.example' already/, /The account that has this user name: if it is the same person/]],
    ['ruth@acme.example', [/The role is USER now\./, /^Ruth/]],
    ['bert@acme.example', [/^Bert .*provisioned/, /Since then your identity provider has changed this account/, /Refused \(400\) 3 times, the last one/]],
    ['olaf@acme.example', [/The account is eligible now\./]],
    ['many@', [/More accounts match/, /^(?:many\d@acme.example: .*\s+.*\s+){5}/]],
    ['gone@acme.example', [/was here and is not any more/, /assign them to the application in your identity provider again/]],
    ['nora.never@acme.example', [/Nothing is found under “nora.never@acme.example”/, /by the name and the user name that were sent/, /assigned to the application/,
        /refused and are not here:\s+Refused \(400\) .* Dora Domain \(dora@elsewhere.example\): The domain/]],
    ['Dora Domain', [/Refused \(400\) .* Dora Domain \(dora@elsewhere.example\): The domain/]],
    ['domain dora', [/dora@elsewhere.example/]],
    ['Paula', [/Paula Provisioned \(paula@example.com\)/]],
];

test('each cause is named with what to do', async () => {
    const page = await firstPage(given.organization, given.user);
    for (const [person, expected] of PEOPLE) {
        await visit(page, '#/');
        const answer = await ask(page, person);
        for (const part of expected) {
            assert.match(answer, part, `${person}: ${answer}`);
        }
        assert.doesNotMatch(answer, /never sent this person/, `${person}: it is not known`);
        await noViolations(page, person);
    }
    await page.getByRole('link', { name: 'All about' }).click();
    await page.getByRole('heading', { name: 'Activity', level: 1 }).waitFor();
    assert.equal(await page.locator('input[name=account]').inputValue(), PEOPLE.at(-1)[0]);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('the address has the person: Back brings the answer back, and so does a reload', async () => {
    const page = await firstPage(given.organization, given.user);
    await ask(page, 'uma@acme.example');
    await page.getByRole('link', { name: 'Uma Unmanaged' }).click();
    await page.getByRole('heading', { name: 'History' }).waitFor();
    await page.goBack();
    await page.locator('.causes').getByText('Its owner administers this account').waitFor();
    assert.match(page.url(), /#\/\?person=uma%40acme.example$/);
    await page.reload();
    await page.locator('.causes').getByText('Its owner administers this account').waitFor();
    await page.context().close();
});

test('what the limit holds back is let through beside the answer, which then says what to wait for', async () => {
    const page = await firstPage(given.organization, given.user);
    await ask(page, 'gus@acme.example');
    await page.locator('.causes').getByRole('button', { name: 'Let them through' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('gus@acme.example: is deactivated').waitFor();
    await noViolations(page, 'the dialog');
    await picture(page, 'why-let-through');
    await dialog.getByRole('button', { name: 'Let everything through' }).click();
    await page.locator('.causes').getByText(/^Everything is let through until .*, but your identity provider has to try again/).waitFor();
    sql(`UPDATE scim.account SET active = false WHERE user_name = 'gus@acme.example'`);
    await page.reload();
    await page.locator('.causes').getByText('The account is deactivated now.').waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('who has another name now is named by it', async () => {
    const page = await firstPage(given.organization, given.user);
    assert.match(await ask(page, 'Emil Early'), /^“Emil Early” has another name now: Emil Late \(emil.late@acme.example\)\s+Emil Late .*provisioned/);
    await page.context().close();
});

// What is said of those whom an old name finds: on the first page, in Activity, and
// among the members, where one has the old family name, and the other nothing of it.
test('who is found by an old name is shown with it, on every page that finds people', async () => {
    for (const [locale, formerly, found] of [['en-US', 'formerly ', ', formerly '], ['ja-JP', '旧名: ', '（旧名: ']]) {
        const page = await firstPage(given.organization, given.user, { locale });
        await visit(page, '#/members?search=falk');
        await page.getByRole('row').filter({ hasText: 'Frieda Frost' }).getByText(`${formerly}Frieda Falk`).waitFor();
        await noViolations(page, 'members');
        await picture(page, `members-former-${locale.slice(0, 2)}`);
        await visit(page, '#/members?search=early');
        await page.getByText(/^“Emil Early” has another name now: Emil Late|^「Emil Early」は現在、別の名前になっています: Emil Late/).waitFor();
        assert.equal(await page.locator('.nobody').count(), 0, 'nothing that contradicts it');
        await visit(page, '#/members?search=frost');
        await page.getByRole('link', { name: 'Frieda Frost' }).waitFor();
        await page.waitForLoadState('networkidle');
        assert.equal(await page.getByText(formerly).count(), 0, 'not if the text is the name of now');
        for (const [text, old] of [['falk', 'Frieda Falk'], ['early', 'Emil Early']]) {
            await visit(page, `#/activity?account=${text}`);
            await page.getByText(`${found}${old}`).waitFor();
            await visit(page, `#/?person=${text}`);
            await page.locator('.why .causes').getByText(`${old}`).waitFor();
        }
        assert.deepEqual(page.complaints, []);
        await page.context().close();
    }
});

test('what keeps everybody away comes first', async () => {
    const causes = [['ended', /^The token “Entra ID” has ended/], ['tokenless', /^(The token “test” was deleted|There is no token)/],
        ['waiting', /^Your identity provider has never sent a request/], ['dead', /^Your identity provider still uses the expired token “Old”/]];
    const STATES = { ended: 'State on, but no token is valid', tokenless: 'State on, but no token is valid', waiting: 'State on', dead: 'State on, but requests are refused' };
    for (const [name, expected] of causes) {
        const page = await firstPage(given[name], given[`${name}-user`], { width: 320 });
        const answer = await ask(page, 'somebody');
        assert.match(answer, expected, name);
        await page.getByRole('heading', { name: STATES[name], exact: true }).waitFor();
        assert.match(answer, /Ask again when it is mended\.$/);
        if (name === 'ended') {
            await page.locator('.next').getByText(/in place of the old one/).waitFor();
            await page.getByRole('heading', { name: 'State on, but no token is valid' }).waitFor();
            assert.equal(await page.locator('h2 .good').filter({ hasText: 'on' }).count(), await page.getByRole('heading', { name: 'Safety limit on' }).count(), 'nothing calm about provisioning');
            await page.locator('.health').getByText(/^The token “Entra ID” has ended .*, and there is no other one\.$/).waitFor();
            await noViolations(page, 'without a valid token');
            assert.equal(await page.locator('.setup').evaluate(setup => setup.open), false, 'nobody has to set it up anew');
        }
        assert.doesNotMatch(answer, /assigned|is found/, `${name}: nothing that contradicts it`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `${name} fits a phone`);
        await page.context().close();
    }
});

test('it is answered in Japanese, too', async () => {
    const page = await firstPage(given.off, given['off-user'], { dark: true });
    assert.match(await ask(page, 'nobody', '調べる'), /^プロビジョニングはオフです/);
    await noViolations(page, 'Japanese');
    await page.context().close();
});

test('answers fit every width, in both languages', async () => {
    for (const locale of ['en-US', 'ja-JP']) {
        const page = await firstPage(given.organization, given.user, { locale });
        for (const person of ['ina@acme.example', 'bert@acme.example', 'olga@', 'nobody at all']) {
            await visit(page, `#/?person=${person}`);
            await page.locator('.causes').first().waitFor();
            for (const width of [1920, 1366, 768, 390, 320]) {
                await page.setViewportSize({ width, height: 900 });
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${person} at ${width} px`);
                await picture(page, `why-${person.slice(0, 4)}-${locale.slice(0, 2)}-${width}`);
            }
            await noViolations(page, `${person}, ${locale}`);
        }
        await page.context().close();
    }
});

test('paper has the answer if there is one, and never the question', async () => {
    const page = await firstPage(given.organization, given.user);
    const heading = page.getByRole('heading', { name: 'Why was somebody not provisioned' });
    await heading.waitFor();
    await page.emulateMedia({ media: 'print' });
    assert.equal(await heading.isVisible(), false, 'an empty section is not printed');
    await page.emulateMedia({ media: 'screen' });
    assert.match(await ask(page, 'uma@acme.example'), /Its owner administers this account/);
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('.causes').isVisible(), true);
    assert.equal(await page.locator('input[name=person]').isVisible(), false);
    assert.equal(await page.getByText('Enter a name, a user name or an e-mail address.').isVisible(), false);
    await page.context().close();
});
