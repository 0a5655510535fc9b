// SPDX-License-Identifier: Apache-2.0
// The settings of an organization, on top of the JSON API beside this file.
import { activityList, activityPage, formerNames } from './activity.js';
import { groupPage, groupsOfMember, groupsPage } from './groups.js';
import { guardParts } from './guard.js';
import { healthSection } from './health.js';
import { requestsPage } from './requests.js';
import {
    Refused, address, addressPage, addressState, api, ask, attributeText, badge, button, checkbox, chooseLanguage, copyField, countText,
    field, filters, guarded, h, inVainText, isLive, kindOf, labelHelp, labelText, labels, leaves, listHeading, numberText, personText, problemBox, query, say, secretField, select,
    setAddressState, sortHead, stateBadge, t, table, time, whileBusy,
} from './kit.js';
import { setupSteps } from './setup.js';
import { stopOf, whySection } from './why.js';

let settings;

// User provisioning

// state: what the dialog proposes.
function manage(state = settings.state) {
    let isLeaving = false;
    const dialog = ask({
        title: t('Manage user provisioning'),
        content: [
            h('p', {}, t('While it is on, your identity provider creates, updates, deactivates and deletes the Managed Accounts of this organization.')),
            checkbox('enabled', t('Enable'), state !== 'disabled'),
            h('p', {}, t('While it is paused, nothing is changed: requests are put off, and your identity provider tries again by itself. Pause for some hours, for example to correct its settings; after that it may stop trying.')),
            checkbox('paused', t('Pause'), state === 'paused'),
            h('p', {}, t('While it is off, requests are refused.')),
        ],
        action: t('Save'),
        submit: async ({ enabled, paused }) => {
            const state = !enabled.checked ? 'disabled' : paused.checked ? 'paused' : 'enabled';
            isLeaving = state === 'disabled' && settings.state !== 'disabled';
            if (!isLeaving) {
                await switchTo(state);
            }
        },
    });
    const { enabled, paused } = dialog.querySelector('form').elements;
    const follow = () => {
        paused.disabled = !enabled.checked;
        paused.checked &&= enabled.checked;
    };
    enabled.addEventListener('change', follow);
    follow();
    dialog.addEventListener('close', () => isLeaving && switchOff());
}

async function switchTo(state) {
    settings = await api('settings', 'PUT', { state });
    await show();
    say(stateTexts()[settings.state].said);
}

// What it means is said before it is done.
function switchOff() {
    ask({
        title: t('Switch user provisioning off?'),
        content: [
            h('p', {}, t('Accounts, groups and tokens stay as they are, and nobody loses access. Who leaves from now on keeps access until you deactivate the account on the page Members.')),
            h('p', {}, t('Changes by your identity provider are refused, and it may put the job into quarantine; Entra ID stops it for good after four weeks. For a short interruption, pause instead.')),
        ],
        action: t('Switch off'), kind: 'danger',
        submit: () => switchTo('disabled'),
    });
}

const stateTexts = () => ({
    enabled: { badge: badge(t('on'), 'good'), said: t('User provisioning is on.'), text: t('Your identity provider manages the accounts of this organization.') },
    paused: { badge: badge(t('paused'), 'warn'), said: t('User provisioning is paused.'), text: t('Requests of your identity provider are put off: nothing is changed until you select Manage and end the pause.') },
    disabled: { badge: badge(t('off'), 'warn'), said: t('User provisioning is off.'), text: t('Requests of your identity provider are refused.') },
});

// The state as the page shows it: what is on, but lets nothing through, says so.
function stateShown(tokens, stop) {
    if (settings.state !== 'enabled' || !stop) {
        return stateTexts()[settings.state];
    }
    const [kind, what, todo] = stop;
    // Which token is used in vain is said at the top.
    return tokens.some(isLive)
        ? { badge: badge(t('on, but requests are refused'), kind), kind, text: t('Requests of your identity provider are refused.') }
        : { badge: badge(t('on, but no token is valid'), kind), kind, text: [what, h('br'), todo] };
}

// When a token ends, for the API, which chooses a year by itself.
function endOf(choice, day) {
    const end = new Date(`${day.value}T23:59:59`);
    if (choice !== 'day') {
        return choice === 'never' ? 'never' : undefined;
    }
    if (isNaN(end)) {
        throw new Refused(t('This is not a date.'), day.name);
    }
    return end.toISOString();
}

function generate() {
    const dialog = ask({
        title: t('Generate token'),
        content: [
            field(t('Name, for example that of the identity provider'), h('input', { name: 'name', autocomplete: 'off' })),
            select('end', t('It ends'), [['year', t('in a year')], ['day', t('on a day')], ['never', t('never: only when it is deleted')]], 'year'),
            field(t('Last day'), h('input', { name: 'expires', type: 'date' })),
        ],
        action: t('Generate'),
        submit: async ({ name, end, expires }) => {
            const made = await api('tokens', 'POST', { name: name.value, expires: endOf(end.value, expires) });
            await show();
            return h('div', {}, h('p', { class: 'warn' }, t('Copy the token now. It will not be shown again.')),
                secretField(t('Token'), made.token),
                h('p', {}, made.expires ? t('It ends: {time}', { time: time(made.expires) }) : t('It does not end until it is deleted.')));
        },
    });
    const { end, expires } = dialog.querySelector('form').elements;
    const follow = () => { expires.closest('label').hidden = end.value !== 'day'; };
    end.addEventListener('change', follow);
    follow();
}

// isLast: no other token is valid.
function deleteToken(token, isLast) {
    ask({
        title: t('Delete token'),
        content: [h('p', {}, t('Delete the token “{name}” ({prefix}…)? The next request of the identity provider that uses it will be refused.', token)),
            isLast ? h('p', { class: 'warn' }, t('There is no other valid token: provisioning stops altogether. Generate a new one and enter it in your identity provider first.')) : null],
        action: t('Delete token'), kind: 'danger',
        submit: async () => {
            try {
                await api(`tokens/${token.id}`, 'DELETE');
            } catch (problem) {
                // Somebody else has deleted it already.
                if (problem.status !== 404) {
                    throw problem;
                }
            }
            await show();
            say(t('The token is deleted.'));
        },
    });
}

// What has to be done about tokens: those that are used in vain, and those that end.
function tokenWarnings(tokens) {
    const inVain = tokens.filter(({ refused }) => refused).map(token => h('p', { class: 'bad' }, inVainText(token)));
    const ending = tokens.filter(({ state }) => state === 'ending').map(token =>
        h('p', { class: 'warn' }, t('The token “{name}” ends: {time}. Generate another one, enter it in the identity provider, then delete this one.', { name: token.name, time: time(token.expires) })));
    return [...inVain, ...ending];
}

// The entry of Activity that says who has paused provisioning, or switched it off, and
// when; undefined: nobody, as in a new organization.
async function findSwitch() {
    const wanted = { paused: 'provisioning:pause', disabled: 'provisioning:disable' }[settings.state];
    const { entries } = wanted ? await api(`activity${query({ kind: 'organization' })}`) : { entries: [] };
    return entries.find(entry => kindOf(entry) === wanted);
}

function stateNotice({ at, actor }) {
    const values = { time: time(at), actor };
    const [title, text, action] = settings.state === 'paused'
        ? [t('User provisioning is paused'), t('Since {time}, by {actor}. Nothing is changed: your identity provider is asked to try again later.', values), t('End the pause')]
        : [t('User provisioning is off'), t('Since {time}, by {actor}. Every request of your identity provider is refused.', values), t('Switch it on')];
    return h('section', { class: 'tripped' }, h('h2', {}, title), h('p', {}, text), button(action, () => manage('enabled'), 'main'));
}

// The next step, for administrators who are new here, and a button that does it; setup:
// the steps at the identity provider; wasUsed: there was a token before.
function nextStep(tokens, { setup, wasSwitched, wasUsed }) {
    const live = tokens.filter(isLive);
    if (!live.length && wasUsed) {
        return [t('Generate a new token and enter it in your identity provider in place of the old one. In Entra ID it is the Secret token under Provisioning of your application.'),
            button(t('Generate the token'), generate, 'main')];
    }
    if (!live.length) {
        return [t('Generate a token for your identity provider.'), button(t('Generate the token'), generate, 'main')];
    }
    if (settings.state === 'disabled' && !wasSwitched) {
        return [t('Select Manage to switch user provisioning on.'), button(t('Switch it on'), () => manage('enabled'), 'main')];
    }
    if (!live.some(token => token.lastUsed)) {
        return [t('Enter the SCIM URL and the token in your identity provider and test the connection there.'), stepsButton(setup)];
    }
    return null;
}

function stepsButton(setup) {
    return button(t('Show the steps'), () => {
        setup.open = true;
        setup.scrollIntoView();
        setup.querySelector('summary').focus();
    }, 'main');
}

function nextSection(next) {
    return h('section', { class: 'next', hidden: !next }, h('h2', {}, t('Next step')), next && [h('p', {}, next[0]), next[1]]);
}

// When the identity provider has connected, the rest of the steps is the next one until
// it has changed something.
async function afterConnection(section, setup, { lastChange }) {
    const isDone = lastChange || (await api(`members${query({ label: 'provisioned', count: 1 })}`)).members.length;
    setup.open ||= !isDone;
    section.replaceWith(nextSection(isDone ? null
        : [t('Your identity provider has connected, but has not changed anything yet. Follow the other steps there: mapping, assignment and start of provisioning.'), stepsButton(setup)]));
}

// A token that ends soon has a badge, which stands out more in its last week.
function tokenBadge({ state, daysLeft }) {
    const text = {
        expired: () => t('expired'),
        ending: () => daysLeft > 1 ? t('ends in {count} days', { count: daysLeft }) : daysLeft === 1 ? t('ends in a day') : t('ends within a day'),
    }[state];
    return text ? [' ', badge(text(), state === 'ending' && daysLeft < 7 ? 'bad' : 'warn')] : [];
}

function tokenRow(token, tokens) {
    return [
        [token.name, ...tokenBadge(token)],
        h('code', { class: 'whole' }, `${token.prefix}…`),
        address(token.issuer),
        time(token.created),
        token.expires ? time(token.expires) : t('never'),
        token.lastUsed ? time(token.lastUsed) : t('never'),
        h('button', { type: 'button', 'aria-label': `${t('Delete token')}: ${token.name}`,
                      on: { click: () => deleteToken(token, isLive(token) && tokens.filter(isLive).length === 1) } }, t('Delete token')),
    ];
}

function signInText() {
    if (settings.singleSignOn) {
        return t('You signed in by {way}: single sign-on protects this page.', { way: settings.singleSignOn });
    }
    return settings.singleSignOnRequired
        ? t('You did not sign in by single sign-on (SAML or OpenID Connect). Without it provisioning cannot be switched on.')
        : t('Single sign-on (SAML or OpenID Connect) does not protect this page.');
}

// Provisioned accounts, which only the identity provider should change

function chooseReadOnly() {
    ask({
        title: t('Provisioned accounts'),
        content: [
            h('p', {}, t('The next sync of your identity provider overwrites what is changed here. If provisioned accounts are read-only here, nobody changes them in the wrong place.')),
            checkbox('readOnly', t('Read-only on this page'), settings.provisionedReadOnly),
        ],
        action: t('Save'),
        submit: async ({ readOnly }) => {
            settings = await api('settings', 'PUT', { provisionedReadOnly: readOnly.checked });
            await show();
            say(t('Saved.'));
        },
    });
}

function readOnlySection() {
    return h('section', {},
        h('div', { class: 'row spread' },
            h('h2', {}, t('Provisioned accounts'), ' ', badge(settings.provisionedReadOnly ? t('read-only') : t('can be edited'))),
            button(t('Change'), chooseReadOnly)),
        h('p', {}, settings.provisionedReadOnly
            ? t('Only your identity provider changes them. Other accounts can be edited on this page.')
            : t('They can be edited on this page, but the next sync overwrites that.')));
}

async function provisioningPage() {
    const [fresh, { tokens: all }] = await Promise.all([api('settings'), api('tokens')]);
    const tokens = all.filter(token => !token.deleted);
    settings = fresh;
    const switched = await findSwitch();
    const setup = setupSteps();
    const wasUsed = all.length > 0;
    const next = nextStep(tokens, { setup, wasSwitched: switched, wasUsed });
    const section = nextSection(next);
    const isReady = settings.state === 'enabled' && tokens.some(isLive);
    setup.open = Boolean(next) && (!wasUsed || tokens.some(isLive));
    const stop = stopOf(settings, all);
    const state = stateShown(tokens, stop);
    const [guardBanner, guardSection] = await guardParts(show);
    const health = healthSection({ isExpected: isReady, isInVain: all.some(({ refused }) => refused), stop: isReady ? null : stop },
        found => isReady && guarded(() => afterConnection(section, setup, found)));
    return [
        h('h1', { tabindex: -1 }, t('User provisioning')),
        switched && stateNotice(switched),
        guardBanner,
        ...tokenWarnings(all),
        section,
        ...next ? [health, whySection(show)] : [whySection(show), health],
        h('section', {},
            h('div', { class: 'row spread' },
                h('h2', {}, t('State'), ' ', state.badge),
                button(t('Manage'), () => manage())),
            h('p', { class: state.kind }, state.text),
            h('p', { class: settings.singleSignOn ? 'good' : 'warn' }, signInText())),
        guardSection,
        h('section', {},
            h('h2', {}, t('SCIM URL')),
            copyField(t('SCIM URL'), settings.scimUrl),
            h('h2', {}, t('SCIM URL for Microsoft Entra ID')),
            copyField(t('SCIM URL for Microsoft Entra ID'), `${settings.scimUrl}?aadOptscim062020`),
            h('p', { class: 'soft' }, t('Use this one as Tenant URL in Entra ID: its ending makes Entra ID follow the SCIM standard in its requests. Use the URL above for other identity providers.')),
            setup),
        readOnlySection(),
        h('section', {},
            h('div', { class: 'row spread' }, h('h2', {}, t('Tokens')), button(t('Generate token'), generate)),
            tokens.length
                ? table('tokens', t('Tokens'), [t('Name'), t('Begins with'), t('Issuer'), t('Created'), t('Expires'), t('Last used'), t('Action')],
                    tokens.map(token => tokenRow(token, tokens)))
                : h('p', {}, t('There is no token yet.')),
            h('p', { class: 'soft' }, t('Several tokens may be valid at the same time: generate the new one, enter it in the identity provider, then delete the old one. While a token is valid, its issuer stays an active administrator.'))),
    ];
}

// Members

const drifts = () => [
    ['never', t('never provisioned')], ['notSeen', t('not asked for in 90 days')],
    ['duplicates', t('same e-mail or external id twice')], ['inactiveMembers', t('inactive, in groups')],
    ['domains', t('in no verified domain')],
];
const roles = [['ADMIN', 'ADMIN'], ['USER', 'USER'], ['GUEST', 'GUEST']];
const labelKind = { provisioned: 'good', ineligible: 'warn' };

// Each number leads to the members that it counts.
function countsLine({ seats, inactive, roles: byRole, labels: byLabel }) {
    const count = (text, number, chosen) => h('li', {},
        h('a', { href: `#/members${query(chosen)}` }, h('b', {}, numberText(number)), ' ', text));
    return h('ul', { class: 'counts changes' },
        count(t('seats'), seats, { active: 'true' }),
        roles.map(([role]) => count(role, byRole[role], { role, active: 'true' })),
        labels().filter(([label]) => byLabel[label]).map(([label, text]) => count(text, byLabel[label], { label, active: 'true' })),
        count(t('inactive (no seat)'), inactive, { active: 'false' }));
}

function lastSync({ lastSync: sync }) {
    return sync ? [time(sync.at), h('div', { class: 'soft one-line', title: sync.token }, sync.token)] : t('never');
}

// What an account was found by; days are those of UTC.
function detailText({ detail }, drift) {
    const day = /^\d{4}-\d\d-\d\d$/.test(detail) ? new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(detail)) : null;
    return {
        never: t('created on {day}', { day }),
        notSeen: day ? t('last asked for on {day}', { day }) : t('never asked for'),
        inactiveMembers: t('groups: {count}', { count: detail }),
    }[drift] ?? detail;
}

function memberRow(member, drift) {
    return [
        h('a', { href: `#/members/${member.id}` }, member.displayName || member.userName),
        [address(member.userName), member.email && member.email !== member.userName ? h('div', { class: 'soft' }, address(member.email)) : null].filter(Boolean),
        member.role,
        stateBadge(member.active),
        [badge(labelText(member.label), labelKind[member.label]), member.detail ? h('div', { class: 'soft' }, detailText(member, drift)) : null].filter(Boolean),
        lastSync(member),
    ];
}

const MEMBERS_OF_PAGE = 50;
const sorts = () => [
    ['', t('User name')], ['displayName', t('Name')], ['lastModified', t('Last change')], ['created', t('Created')],
];

// 0: a place in the list whose number is not known.
function pageNumber({ page, cursor, back }) {
    return cursor || back ? Number(page) || 0 : 1;
}

// "51-100 of 9,037"; total is null while it is not known.
function positionText(state, shown, total) {
    const first = (pageNumber(state) - 1) * MEMBERS_OF_PAGE + 1;
    const range = first > 0 ? t('{first}–{last}', { first: numberText(first), last: numberText(first + shown - 1) }) : '';
    const count = total && countText(total.total, total.totalIsMore);
    return range && count ? t('{range} of {count}', { range, count }) : range || count || '';
}

// Where the list of members was last, for the way back from a member.
let membersAddress = '#/members';

async function membersPage() {
    const result = h('div', {});
    const counts = h('div', {});
    const any = [['', t('all')]];
    let state = addressState();
    let asked = 0;

    function membersTable(members) {
        const head = (text, name) => sortHead(text, (state.sort ?? '') === name ? state.order || 'ascending' : undefined,
            order => go({ ...chosen(), sort: name, order }));
        return table('members', t('Members'), [head(t('Name'), 'displayName'), head(t('User name'), ''), t('Role'),
            t('State'), t('Kind of account'), t('Last sync')], members.map(member => memberRow(member, state.drift)));
    }

    // What is chosen, without the place in the list.
    function chosen() {
        const { cursor, back, page, ...rest } = state;
        return rest;
    }

    function pageButtons({ next, previous }) {
        const number = pageNumber(state);
        const to = change => ({ ...chosen(), ...change, page: number ? String(number + (change.back ? -1 : 1)) : '' });
        return h('div', { class: 'row' },
            previous ? button(t('Previous page'), () => turn(number === 2 ? chosen() : to({ back: previous }))) : null,
            next ? button(t('Next page'), () => turn(to({ cursor: next }))) : null);
    }

    function drawn(page) {
        if (!page.members.length && page.next) {
            return [h('p', {}, t('Nobody among the accounts that were looked at. Go on with the next page.')), pageButtons(page)];
        }
        if (!page.members.length) {
            return [h('p', { class: 'nobody' }, t('Nobody is found.')), button(t('Clear the filters'), () => { location.hash = '#/members'; })];
        }
        return [
            h('div', { class: 'row spread' }, h('span', { class: 'position' }, positionText(state, page.members.length, null)),
                state.drift ? null : h('a', { href: `api/members.csv${query(chosen())}`, download: true }, t('Export as CSV'))),
            page.isPartial ? h('p', { class: 'soft' }, t('So many are found that some between these are left out. A longer search finds them.')) : null,
            membersTable(page.members), pageButtons(page),
        ].filter(Boolean);
    }

    async function list(wanted) {
        const mine = ++asked;
        const { sort, order, page: number, cursor, back, ...filter } = wanted;
        const total = filter.drift ? Promise.resolve(null) : api(`member-total${query(filter)}`).catch(() => null);
        const page = await whileBusy(result, api(`members${query({ ...filter, sort, order, cursor, back, count: MEMBERS_OF_PAGE })}`));
        if (mine !== asked || addressPage() !== '#/members') {
            return;
        }
        state = wanted;
        setAddressState('#/members', state);
        membersAddress = location.hash;
        form.elements.sort.value = state.sort ?? '';
        result.replaceChildren(...drawn(page));
        tellFormer(state, mine).catch(() => {});
        total.then(known => {
            const position = result.querySelector('.position');
            if (mine === asked && position) {
                position.textContent = positionText(state, page.members.length, known);
            }
        });
    }

    // Say of whom the search has found by an old name, and of whom it has not found
    // therefore, what they were called.
    async function tellFormer({ search, cursor, back }, mine) {
        if (!search) {
            return;
        }
        const page = await api(`activity${query({ account: search, outcome: 'changed', count: MEMBERS_OF_PAGE })}`);
        const former = mine === asked ? formerNames(page, search) : new Map();
        for (const { id, name, displayName } of page.subjects.filter(({ id }) => former.has(id))) {
            const row = result.querySelector(`tbody a[href="#/members/${id}"]`);
            if (row) {
                row.after(h('div', { class: 'soft' }, t('formerly {former}', { former: former.get(id) })));
            } else if (!cursor && !back) {
                result.querySelector('.nobody')?.remove();
                result.prepend(h('p', {}, t('“{text}” has another name now:', { text: former.get(id) }), ' ',
                    h('a', { href: `#/members/${id}` }, personText({ displayName, userName: name }))));
            }
        }
    }

    const go = wanted => guarded(() => list(wanted));
    const turn = wanted => guarded(async () => { await list(wanted); document.querySelector('h1').focus(); });
    const form = filters([
        h('label', {}, t('Search: name or e-mail'), h('input', { name: 'search', type: 'search', maxlength: 200, value: state.search, 'aria-describedby': 'search-help' })),
        select('label', t('Kind of account'), [...any, ...labels()], state.label),
        select('role', t('Role'), [...any, ...roles], state.role),
        select('active', t('State'), [...any, ['true', t('active')], ['false', t('inactive')]], state.active),
        select('sort', t('Sorted by'), sorts(), state.sort),
        select('drift', t('Possible problem'), [...any, ...drifts()], state.drift),
    ], data => {
        const fields = Object.fromEntries(data);
        const order = fields.sort === (state.sort ?? '') ? state.order
            : ['created', 'lastModified'].includes(fields.sort) ? 'descending' : '';
        go({ ...fields, order });
    });
    await list(state);
    api('counts').then(found => counts.replaceChildren(countsLine(found))).catch(() => {});
    return [h('h1', { tabindex: -1 }, t('Members')), h('section', {}, counts, form,
        h('p', { class: 'soft', id: 'search-help' }, t('The search finds whoever has all the words, or parts of words, in the name, user name or e-mail addresses. One or two letters are found at the beginning of a word, an external id and an id as a whole.')), result)];
}

// One member

function edit(member) {
    ask({
        title: t('Edit {name}', { name: member.userName }),
        content: [
            member.label === 'provisioned'
                ? h('p', { class: 'warn' }, t('This account is provisioned: the next sync of your identity provider overwrites what you change here. Change it there, too.'))
                : null,
            field(t('Name'), h('input', { name: 'displayName', value: member.displayName ?? '' })),
            select('role', t('Role'), roles, member.role),
            checkbox('active', t('active'), member.active),
        ],
        action: t('Save'),
        submit: async ({ displayName, role, active }) => {
            const wanted = { displayName: displayName.value, role: role.value, active: active.checked };
            const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== member[name]));
            if (Object.keys(changes).length) {
                await api(`members/${member.id}`, 'PATCH', changes);
            }
            await show();
            say(t('Saved.'));
        },
    });
}

async function makeEligible(member) {
    await api(`members/${member.id}`, 'PATCH', { eligible: true });
    await show();
    say(t('The account is eligible for provisioning.'));
}

function attributeRows({ manager, user: { meta, schemas, ...rest } }) {
    const isManager = ([path]) => path.startsWith('enterprise.manager.');
    const attributes = leaves(rest).filter(leaf => !(manager && isManager(leaf))).sort(([a], [b]) => a.includes('.') - b.includes('.'));
    return [
        ...attributes.map(([path, value]) => [path, path === 'active' ? stateBadge(value === 'true') : value]),
        ...manager ? [['enterprise.manager', h('a', { href: `#/members/${manager.id}` }, manager.displayName || manager.userName)]] : [],
        ['meta.created', time(meta.created)], ['meta.lastModified', time(meta.lastModified)],
    ].map(([path, value]) => [h('span', { title: path }, attributeText(path)), value]);
}

async function memberPage(id) {
    const [fresh, member, groups, history] = await Promise.all([api('settings'), api(`members/${id}`), groupsOfMember(id), activityList({ account: id })]);
    settings = fresh;
    const isReadOnly = settings.provisionedReadOnly && member.label === 'provisioned';
    return [
        h('p', { class: 'up' }, h('a', { href: membersAddress }, `← ${t('Members')}`)),
        h('h1', { tabindex: -1 }, member.displayName || member.userName),
        h('section', {},
            h('div', { class: 'row spread' },
                h('div', { class: 'row' }, badge(member.role), stateBadge(member.active),
                    badge(labelText(member.label), labelKind[member.label])),
                h('div', { class: 'row' },
                    member.label === 'ineligible'
                        ? button(t('Make eligible'), () => guarded(() => makeEligible(member)), 'main') : null,
                    member.label !== 'unmanaged' && !isReadOnly ? button(t('Edit'), () => edit(member)) : null)),
            h('p', { class: 'soft' }, labelHelp()[member.label]),
            isReadOnly ? h('p', {}, t('It is read-only here. Change it in your identity provider; the next sync brings the change here.')) : null,
            member.lastSync ? h('p', {}, t('Last sync: {at} by “{token}”.', { at: time(member.lastSync.at), token: member.lastSync.token })) : null),
        h('section', {}, h('h2', {}, t('Attributes')),
            table('attributes', t('Attributes'), [t('Attribute'), t('Value')], attributeRows(member))),
        groups,
        h('section', {}, listHeading(t('History')), history),
    ];
}

// Pages

const pages = [
    [/^#\/members\/([0-9a-f-]{36})$/, memberPage, '#/members'],
    [/^#\/members$/, membersPage, '#/members'],
    [/^#\/groups\/([0-9a-f-]{36})$/, groupPage, '#/groups'],
    [/^#\/groups$/, groupsPage, '#/groups'],
    [/^#\/activity$/, activityPage, '#/activity'],
    [/^#\/requests$/, requestsPage, '#/requests'],
    [/^/, provisioningPage, '#/'],
];

function showHeader(current) {
    const link = (href, text) => h('a', { href, 'aria-current': href === current ? 'page' : null }, text);
    document.getElementById('header').replaceChildren(
        h('div', { class: 'who' },
            h('span', {}, t('Organization'), ' ', h('strong', {}, settings.organization)),
            h('span', {}, t('Signed in as {name}', { name: settings.administrator.userName }),
                settings.signOutUrl ? [' ', h('a', { href: settings.signOutUrl }, t('Sign out'))] : [])),
        h('nav', { 'aria-label': t('Settings') },
            link('#/', t('User provisioning')), link('#/members', t('Members')),
            link('#/groups', t('Groups')), link('#/activity', t('Activity')),
            link('#/requests', t('Requests'))));
}

// What an address has behind its question mark is the page's own: addressState.
let shown = 0;

async function show() {
    const mine = ++shown;
    const [match, page, current] = pages.map(([pattern, ...rest]) => [addressPage().match(pattern), ...rest])
        .find(([found]) => found);
    showHeader(current);
    let content;
    try {
        content = await whileBusy(document.getElementById('main'), page(...match.slice(1)));
    } catch (problem) {
        if (mine === shown) {
            throw problem;
        }
    }
    if (mine !== shown) {
        return;
    }
    document.getElementById('main').replaceChildren(...content.filter(Boolean));
    document.title = `${document.querySelector('h1').textContent} – ${settings.organization}`;
}

async function go() {
    const main = document.getElementById('main');
    try {
        await show();
    } catch (problem) {
        main.replaceChildren(h('h1', { tabindex: -1 }, t('Not available')), problemBox(problem));
    }
}

// A browser may keep the page for its button Back, even with a token that is shown
// only once, and after the sign-in has ended.
window.addEventListener('pagehide', () => {
    document.querySelectorAll('dialog').forEach(dialog => dialog.remove());
    document.getElementById('main').replaceChildren();
});
window.addEventListener('pageshow', event => {
    if (event.persisted) {
        location.reload();
    }
});

guarded(async () => {
    await chooseLanguage();
    settings = await api('settings');
    await chooseLanguage(settings.administrator.language);
    document.addEventListener('stale', go);
    window.addEventListener('hashchange', async () => { await go(); document.querySelector('h1').focus(); });
    await go();
});
