// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, given, launch, noViolations, open, picture, test } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const HEADING = { en: 'The safety limit has held back changes', ja: '安全上限により一部の変更を拒否しました' };
const section = (page, heading) => page.locator('section').filter({ has: page.getByRole('heading', { name: heading }) });

async function first(user, url = given.url, options = {}) {
    const page = await open(browser, { user, ...options });
    await page.goto(url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    return page;
}

for (const [user, language] of [[given.user, 'en'], [given.japanese, 'ja']]) {
    for (const dark of [false, true]) {
        test(`what was refused is shown, and fits (${language}, ${dark ? 'dark' : 'light'})`, async () => {
            const page = await first(user, given.url, { dark });
            await page.getByRole('heading', { name: HEADING[language] }).waitFor();
            for (const width of [320, 768, 1920]) {
                await page.setViewportSize({ width, height: 900 });
                const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                assert.ok(overflow <= 0, `it fits ${width} px`);
                await picture(page, `guard-${language}-${width}${dark ? '-dark' : ''}`);
            }
            await noViolations(page, 'the first page');
            await page.getByRole('button', { name: language === 'ja' ? '上限を変更' : 'Change limit' }).click();
            await page.getByRole('dialog').waitFor();
            await noViolations(page, 'the dialog for the limit');
            await picture(page, `guard-limit-${language}${dark ? '-dark' : ''}`);
            await page.keyboard.press('Escape');
            await page.getByRole('button', { name: language === 'ja' ? '許可する' : 'Let them through', exact: true }).click();
            await page.getByRole('dialog').waitFor();
            await noViolations(page, 'the dialog that opens it');
            assert.deepEqual(page.complaints, []);
            await page.context().close();
        });
    }
}

test('the notice says by whom, what, how often and since when; then it is let through', async () => {
    const page = await first(given.user);
    const notice = section(page, HEADING.en);
    await notice.getByText(/^“Entrax+” wanted more deactivations, deletions or downgrades to GUEST than the limit of 2 in an hour. Refused since \w+ \d.*: 2, the last one \w+ \d/).waitFor();
    await notice.getByText(/^“Entrax+” wanted more removals from groups than the limit of 2 in an hour. Refused since .*: 1, the last one/).waitFor();
    const limit = section(page, /^Safety limit/);
    await limit.getByText('reached').waitFor();
    await limit.getByText('In the last hour: 0 deactivated, 2 deleted, 0 downgraded, 0 removed from groups.').waitFor();
    await notice.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('The safety limit of this organization for deactivations, deletions and downgrades to GUEST (2 an hour) is reached').first().waitFor();
    assert.equal(await page.getByLabel('What').inputValue(), 'refused', 'the link shows what was refused');
    await page.getByLabel('What').selectOption('guard');
    await page.getByText('Safety limit reached').first().waitFor();
    await page.getByText('More removals from groups than the limit of 2 in an hour').waitFor();
    await page.getByRole('link', { name: 'User provisioning' }).click();
    await notice.getByRole('button', { name: 'Let them through' }).click();
    const held = page.getByRole('dialog').getByRole('listitem');
    await held.nth(2).waitFor();
    const texts = (await held.allInnerTexts()).sort();
    assert.match(texts.join('\n'), /^Staff: loses members\n\S+@\S+: is deleted\n\S+@\S+: is deleted$/);
    await picture(page, 'guard-let-through');
    await page.getByRole('dialog').getByRole('button', { name: 'Let everything through' }).click();
    await page.getByText('Your identity provider is let through for two hours.').waitFor();
    await notice.waitFor({ state: 'detached' });
    await limit.getByText(/^Everything goes through until \w+ \d/).waitFor();
    await section(page, /^The safety limit lets everything through until \w+ \d/).getByText('your identity provider has to try again').waitFor();
    await noViolations(page, 'open');
    await picture(page, 'guard-open');
    await limit.getByText('open', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('Let through for two hours').waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Let nothing more through' }).click();
    await page.getByText('The safety limit counts again.').waitFor();
    await limit.getByText('on', { exact: true }).waitFor();
    assert.equal(await page.getByText(/lets everything through until/).count(), 0);
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('Let through until').first().waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('a phone has room for more than the notice, which opens by the keyboard', async () => {
    for (const width of [320, 390]) {
        const page = await first(given.other.user, given.other.url, { width, height: 844 });
        const notice = section(page, HEADING.en);
        await notice.waitFor();
        const { y, height } = await notice.boundingBox();
        assert.ok(height < 200 && y + height < 450, `${height} px at ${width} px`);
        assert.equal(await notice.getByText(/wanted more deactivations/).isVisible(), false);
        await noViolations(page, 'closed');
        await picture(page, `guard-closed-${width}`);
        await notice.getByRole('button', { name: 'Let them through' }).focus();
        await page.keyboard.press('Tab');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await notice.getByText(/wanted more deactivations/).waitFor();
        await noViolations(page, 'opened');
        await notice.getByRole('button', { name: 'Let them through' }).click();
        await page.getByRole('dialog').waitFor();
        await page.context().close();
    }
});

test('the limit is changed, switched off and set again; what is wrong is said at the field', async () => {
    const page = await first(given.other.user, given.other.url);
    const limit = section(page, /^Safety limit/);
    const dialog = page.getByRole('dialog');
    const number = dialog.getByLabel('Accounts an hour', { exact: true });
    await limit.getByRole('button', { name: 'Change limit' }).click();
    assert.equal(await number.inputValue(), '2');
    await number.fill('0');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('The number must be from 1 to 1000000.').waitFor();
    assert.equal(await number.getAttribute('aria-invalid'), 'true');
    await number.fill('');
    await dialog.getByLabel('Percentage of the active accounts an hour').fill('500');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('The percentage must be from 1 to 100.').waitFor();
    await dialog.getByLabel('Percentage of the active accounts an hour').fill('100');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The safety limit is changed.').waitFor();
    await limit.getByText(/no more accounts than 8, and remove no more members from groups than 8\./).waitFor();
    await section(page, HEADING.en).waitFor({ state: 'detached' });
    await limit.getByRole('button', { name: 'Change limit' }).click();
    await dialog.getByLabel('Percentage of the active accounts an hour').fill('');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await limit.getByText('There is no limit').waitFor();
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('Safety limit changed').first().waitFor();
    await page.getByText(/^Percentage of the active accounts an hour: /).first().waitFor();
    await page.context().close();
});

test('without a limit the page says what that means; with one, it can be opened before it is reached', async () => {
    const page = await first(given.none.user, given.none.url);
    const limit = section(page, /^Safety limit/);
    await limit.getByText('There is no limit: a mistake in your identity provider').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Let everything through' }).count(), 0);
    await limit.getByRole('button', { name: 'Change limit' }).click();
    await page.getByLabel('Accounts an hour', { exact: true }).fill('1234');
    await page.keyboard.press('Enter');
    await limit.getByText('no more accounts than 1,234').waitFor();
    await limit.getByRole('button', { name: 'Let everything through' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Let everything through' }).click();
    await limit.getByText('Everything goes through until').waitFor();
    await page.context().close();
});
