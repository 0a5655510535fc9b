// SPDX-License-Identifier: Apache-2.0
// A real Chromium for the browser tests, and their common functions.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import * as node from 'node:test';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

// Prepared by the test in Perl: url, user, ...
export const given = JSON.parse(process.env.SCIM_BROWSER ?? '{}');
export const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// A limit for every wait: evaluating an expression in a page has none of its own.
const timeout = 120000;
export const before = prepare => node.before(prepare, { timeout });
export const after = tidy => node.after(tidy, { timeout });
export const test = (name, code) => node.test(name, { timeout }, code);

// The program without windows: for each page the other one also draws a window, with its
// tabs and menus, which costs as much as the page.
export async function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking',
            '--disable-component-update', '--disable-sync', '--no-first-run', '--ignore-certificate-errors'],
    });
}

// A page of a person of its own, signed in with Basic where user is given.
// Errors of the page are collected in page.complaints.
export async function open(browser, { user, width = 1280, height = 800, dark = false, locale = 'en-US' } = {}) {
    const context = await browser.newContext({
        viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale, timezoneId: 'UTC',
        permissions: ['clipboard-read', 'clipboard-write'], ignoreHTTPSErrors: true,
        httpCredentials: user ? { username: user, password: given.password ?? 'x', send: 'always' } : undefined,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30000);
    page.complaints = [];
    page.on('pageerror', error => page.complaints.push(String(error)));
    page.on('console', message => {
        if (message.type() === 'error') {
            page.complaints.push(message.text());
        }
    });
    return page;
}

export async function noViolations(page, what) {
    await page.evaluate(axe);
    // Of what has passed, axe would tell the selectors of all elements.
    const violations = await page.evaluate(async () => (await window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        resultTypes: ['violations'],
    })).violations);
    assert.deepEqual(violations.map(v => `${v.id}: ${v.nodes.map(n => `${n.target} ${n.failureSummary}`).join('; ')}`), [], what);
}

// The pages, and the dialogs with the button that opens each, of a test that has a
// member, a group and a token of this name.
export const PAGES = [['provisioning', '#/'], ['members', '#/members'], ['member', `#/members/${given.member}`],
    ['groups', '#/groups'], ['group', `#/groups/${given.group}`], ['activity', '#/activity']];
export const dialogs = token => [
    ['manage', '#/', 'Manage'], ['generate', '#/', 'Generate token'], ['delete', '#/', `Delete token: ${token}`],
    ['edit', `#/members/${given.member}`, 'Edit'],
];

// From a blank page: within one page, the previous content could be taken for the new
// one.
export async function visit(page, hash) {
    await page.goto('about:blank');
    await page.goto(`${given.url}${hash}`);
    await page.locator('h1').waitFor();
}

// A picture for the documents, if pictures are wanted.
export async function picture(page, name) {
    if (process.env.SCIM_PICTURES) {
        mkdirSync(process.env.SCIM_PICTURES, { recursive: true });
        await page.screenshot({ path: `${process.env.SCIM_PICTURES}/${name}.png` });
    }
}

export function sql(statement) {
    return execFileSync(given.psql[0], [...given.psql.slice(1), '-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', statement],
        { encoding: 'utf8', timeout }).trim();
}

export function run(program, ...parameters) {
    return execFileSync(program, parameters, { encoding: 'utf8', timeout });
}
