// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, test, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const GROUP_PAGES = [['groups', '#/groups'], ['group', `#/groups/${given.sales}`], ['member-groups', `#/members/${given.member}`], ['activity', '#/activity']];
const row = (page, name) => page.getByRole('row', { name });
const section = (page, heading) => page.locator('section').filter({ has: page.getByRole('heading', { name: heading, exact: true }) });

async function fits(page, what) {
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${what} fits the width`);
}

for (const [user, language] of [[given.user, 'en'], [given.japanese, 'ja']]) {
    for (const dark of [false, true]) {
        for (const width of [1280, 390]) {
            test(`axe finds nothing where groups are (${language}, ${width} px, ${dark ? 'dark' : 'light'})`, async () => {
                const page = await open(browser, { user, width, dark });
                for (const [name, hash] of GROUP_PAGES) {
                    await visit(page, hash);
                    await page.locator('table').first().waitFor();
                    assert.equal(await page.locator('html').getAttribute('lang'), language);
                    await noViolations(page, name);
                    await fits(page, name);
                    await picture(page, `groups-${name}-${language}-${width}${dark ? '-dark' : ''}`);
                }
                assert.deepEqual(page.complaints, []);
                await page.context().close();
            });
        }
    }
}

test('groups are listed with their numbers, found by name, and paged', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/');
    await page.getByRole('link', { name: 'Groups' }).click();
    await page.getByRole('heading', { level: 1, name: 'Groups' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Groups', exact: true }).getAttribute('aria-current'), 'page');
    await page.getByText('Your identity provider creates, changes and deletes groups.').waitFor();
    await page.getByLabel('Search: name').fill('sal');
    await page.keyboard.press('Enter');
    await row(page, /^Everybody /).waitFor({ state: 'detached' });
    await row(page, /^Sales 120 9 /).waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.getByLabel('Search: name').fill('large');
    await page.keyboard.press('Enter');
    await row(page, /^Large more than 10,000 0 /).waitFor();
    await page.getByLabel('Search: name').fill('nothing like it');
    await page.keyboard.press('Enter');
    await page.getByText('No groups found.').waitFor();
    await page.getByLabel('Search: name').fill('team');
    await page.keyboard.press('Enter');
    await row(page, /^Team 050 /).waitFor();
    await page.getByRole('button', { name: 'Next page' }).click();
    await row(page, /^Team 051 /).waitFor();
    await page.getByRole('button', { name: 'Next page' }).click();
    await row(page, /^Team 120 /).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Next page' }).count(), 0);
    await row(page, /^Team 120 /).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: 'Team 120' }).waitFor();
    await section(page, 'History').getByText('No activity yet.').waitFor();
    await page.goBack();
    await row(page, /^Team 120 /).waitFor();
    assert.equal(await page.getByLabel('Search: name').inputValue(), 'team', 'who comes back finds what was chosen');
    await page.getByRole('button', { name: 'Previous page' }).click();
    await row(page, /^Team 051 /).waitFor();
    await page.context().close();
});

test('a group has its members page by page, its groups, those that it is in, and its changes', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/groups/${given.sales}`);
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    await page.getByText('Accounts directly in this group: 120.').waitFor();
    const members = section(page, 'Members');
    await row(members, /^Person 1 person001@example.com USER active /).waitFor();
    await row(members, /^Person 2 person002@example.com USER inactive /).waitFor();
    await members.getByRole('button', { name: 'Next page' }).click();
    await row(members, /^Person 51 /).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Members', 'the focus is where the list begins');
    await row(section(page, 'Nested groups'), /^Team 009 /).waitFor();
    await row(section(page, 'Nested in'), /^Everybody /).waitFor();
    const history = section(page, 'History');
    await history.getByText('3 added: Person 1, Person 2, Person 3').waitFor();
    await history.getByText('1 removed: Person 4').waitFor();
    await history.getByText('8 added: Person 5, Person 6, Person 7, Person 8, Person 9 and 3 more').waitFor();
    await history.getByText('Refused (400)').waitFor();
    await row(members, /^Person 51 /).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: 'Person 51' }).waitFor();
    await row(section(page, 'Groups'), /^Everybody by way of another group$/).waitFor();
    await row(section(page, 'Groups'), /^Sales direct /).waitFor();
    await page.context().close();
});

test('nothing about a group can be changed, but what was done can be undone', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/groups/${given.sales}`);
    await section(page, 'History').getByRole('row').first().waitFor();
    assert.deepEqual(await page.locator('main').getByRole('button').allInnerTexts(), ['Next page', 'Undo', 'Undo', 'Undo']);
    assert.equal(await section(page, 'History').getByRole('button', { name: 'Undo' }).count(), 3);
    assert.equal(await page.locator('main input').count(), 0);
    await page.getByText('They cannot be edited here').waitFor();
    await page.context().close();
});

test('the groups of a member are paged, and one in no group says so', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/members/${given.member}`);
    const groups = section(page, 'Groups');
    await row(groups, /^Everybody by way of another group$/).waitFor();
    await groups.getByRole('button', { name: 'Next page' }).click();
    await row(groups, /^Team 0\d\d direct /).first().waitFor();
    await groups.getByRole('button', { name: 'Previous page' }).click();
    await row(groups, /^Everybody /).waitFor();
    assert.doesNotMatch(await section(page, 'Attributes').innerText(), /groups\[/, 'they are not attributes as well');
    await visit(page, `#/members/${given.alone}`);
    await page.getByText('This account is in no group.').waitFor();
    await page.context().close();
});

test('a group with more members than are counted says so, and is paged', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/groups/${given.large}`);
    await page.getByText('Accounts directly in this group: more than 10,000.').waitFor();
    await page.getByText('they are not sorted by name').waitFor();
    const members = section(page, 'Members');
    const first = await members.getByRole('rowheader').allInnerTexts();
    await members.getByRole('button', { name: 'Next page' }).click();
    await members.getByRole('button', { name: 'Previous page' }).waitFor();
    const second = await members.getByRole('rowheader').allInnerTexts();
    assert.equal(new Set([...first, ...second]).size, 100, 'each page has other members');
    await page.context().close();
});

test('Activity shows changes and refusals of groups, and finds them by name', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/activity');
    await row(page, /Refused \(400\) Group Sales PATCH/).waitFor();
    await row(page, /Deleted Group Old Team .*Members that it had: 7 Undo: Old Team, .* Entra ID/).waitFor();
    await page.getByLabel('Account or group').fill('sales');
    await page.keyboard.press('Enter');
    await row(page, /Old Team/).waitFor({ state: 'detached' });
    await row(page, /Changed Group Sales 3 added/).waitFor();
    await row(page, /Changed Group Sales 3 added/).getByRole('link', { name: 'Sales' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    await page.context().close();
});

test('a group that is gone is a message, with the way back', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, `#/groups/${given.gone}`);
    await page.getByText('There is no such group (any more).').waitFor();
    await noViolations(page, 'gone');
    await page.getByRole('link', { name: 'Back to Groups' }).click();
    await page.getByRole('heading', { level: 1, name: 'Groups' }).waitFor();
    await page.context().close();
});

test('an organization without groups is told where they come from', async () => {
    const page = await open(browser, { user: given.empty.user });
    await page.goto(`${given.empty.url}#/groups`);
    await page.getByText('There are no groups yet.').waitFor();
    await noViolations(page, 'no groups');
    await page.context().close();
});

test('hostile, long and right-to-left names are text, at every width', async () => {
    const page = await open(browser, { user: given.user });
    for (const { name, id } of given.odd) {
        for (const hash of [`#/groups/${id}`, `#/members/${given.member}`, '#/groups']) {
            await visit(page, hash);
            if (hash === '#/groups') {
                await page.getByLabel('Search: name').fill(name.slice(0, 60));
                await page.keyboard.press('Enter');
            }
            // The Hebrew letters come last.
            for (const team of hash === `#/members/${given.member}` && name === given.odd.at(-1).name ? ['Team 046', 'Team 096'] : []) {
                await row(page, new RegExp(`^${team} `)).waitFor();
                await section(page, 'Groups').getByRole('button', { name: 'Next page' }).click();
            }
            await page.getByText(name).first().waitFor();
            assert.doesNotMatch(await page.title(), /owned$|^owned/);
            assert.equal(await page.locator('main img, main script').count(), 0);
            for (const width of [1280, 834, 390, 320]) {
                await page.setViewportSize({ width, height: 800 });
                await fits(page, `${name.slice(0, 20)} at ${hash}, ${width} px`);
            }
            await page.setViewportSize({ width: 1280, height: 800 });
        }
    }
    await page.context().close();
});

test('the keyboard alone opens a group and pages its members', async () => {
    const page = await open(browser, { user: given.user });
    await visit(page, '#/groups');
    await page.getByLabel('Search: name').focus();
    await page.keyboard.type('sales');
    await page.keyboard.press('Enter');
    await row(page, /^Team/).first().waitFor({ state: 'detached' });
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    const next = section(page, 'Members').getByRole('button', { name: 'Next page' });
    for (let i = 0; i < 80 && !await next.evaluate(b => b === document.activeElement); i++) {
        await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await row(page, /^Person 51 /).waitFor();
    await page.context().close();
});
