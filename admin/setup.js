// SPDX-License-Identifier: Apache-2.0
// How an identity provider is connected: what to do there, step by step.
import { addressState, copyField, h, select, setAddressState, t } from './kit.js';

// Names of the provider's own screens and fields are as it writes them in English.
const providers = () => [
    ['entra', 'Microsoft Entra ID', [
        t('Entra admin center > Enterprise applications > New application > Create your own application: the non-gallery one.'),
        t('App registrations > your application > App roles: create the roles ADMIN, USER and GUEST for users and groups, and disable the existing ones.'),
        t('Provisioning > New configuration: the SCIM URL for Microsoft Entra ID is the Tenant URL, the token the Secret token. Test Connection.'),
        [t('Mappings > Users: userPrincipalName to userName, which is the matching attribute; objectId to externalId; and the expression SingleAppRoleAssignment([appRoleAssignments]) to roles[primary eq "True"].value. Keep displayName and active.'),
            copyField(t('Expression'), 'SingleAppRoleAssignment([appRoleAssignments])'), copyField(t('Target attribute'), 'roles[primary eq "True"].value')],
        t('Mappings > Groups: Enabled is No, unless you want groups. Then match them by externalId, from objectId.'),
        t('Users and groups: assign people, each with one of the three roles. The scope is “Sync only assigned users and groups”.'),
        t('Provision on demand for one person, then Start provisioning. A cycle runs about every 40 minutes.'),
    ]],
    ['okta', 'Okta', [
        t('Applications > Create App Integration; then General > App Settings > Provisioning: SCIM.'),
        t('Provisioning > Integration: the SCIM URL is the SCIM connector base URL, userName the Unique identifier field for users. Choose Import New Users and Profile Updates, Push New Users and Push Profile Updates, and Push Groups if you want groups.'),
        t('Authentication Mode: HTTP Header. Authorization is the token, without “Bearer”. Test Connector Configuration.'),
        t('Provisioning > To App: Create Users, Update User Attributes and Deactivate Users. Sign On > Application username format: Email.'),
        t('Directory > Profile Editor: add the attribute “role” with the external name roles.^[primary==true].value, the external namespace urn:ietf:params:scim:schemas:core:2.0:User and the values ADMIN, USER and GUEST.'),
        t('Assignments: assign people or groups, each with a role.'),
    ]],
    ['onelogin', 'OneLogin', [
        t('Applications > Add App: “SCIM Provisioner with SAML (SCIM v2 Enterprise)”.'),
        t('Configuration: the SCIM URL is the SCIM Base URL, the token the SCIM Bearer Token, and Custom Headers is Content-Type: application/scim+json.'),
        t('SCIM JSON Template: userName is {$parameters.scimusername}, externalId is {$user.id}, and the value in roles is {$parameters.role} with "primary": true.'),
        t('Parameters: SCIM Username is Email. Add the parameter “role”, included in user provisioning, which rules fill with ADMIN, USER or GUEST.'),
        t('API Connection > Enable; Provisioning > Enable provisioning. For users who are deleted choose Suspend, unless their data is to be deleted.'),
        t('Users: give people the application.'),
    ]],
    ['other', t('Another identity provider'), [
        t('The SCIM URL is the base URL of SCIM 2.0, and the token the bearer token (Authorization: Bearer).'),
        t('The matching attribute is userName, an e-mail address. Send an id of the person that never changes as externalId.'),
        t('Send the role, ADMIN, USER or GUEST, as the primary value of roles. Without one, a new account is a GUEST.'),
        t('Let it deactivate people who leave, not delete them, and try it with one person first.'),
    ]],
];

// A choice of the provider, which the address has, with its steps.
function setupSteps() {
    const known = providers();
    const list = h('ol', { class: 'steps', 'aria-live': 'polite' });
    const show = chosen => {
        list.replaceChildren(...known.find(([name]) => name === chosen)[2].map(step => h('li', {}, step)));
    };
    const asked = known.some(([name]) => name === addressState().provider) ? addressState().provider : known[0][0];
    const choice = select('provider', t('Identity provider'), known, asked);
    choice.addEventListener('change', ({ target }) => {
        setAddressState('#/', { ...addressState(), provider: target.value });
        show(target.value);
    });
    show(asked);
    return h('details', { class: 'setup' }, h('summary', {}, t('What to do in your identity provider')), choice, list);
}

export { setupSteps };
