// Two identity providers on loopback, driven by requests to /control of the second. Standard input: {"modules", "redirect", "goodbye"};
// the first line of standard output: {"real", "forger"}, their addresses.
//
// `real` is the npm package oidc-provider as it is. `forger` publishes keys and signs whatever it is told to, well or badly.
import { createHmac, generateKeyPairSync, sign, constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const plan = JSON.parse(readFileSync(0, 'utf8'));
const { Provider } = await import(pathToFileURL(createRequire(plan.modules + '/').resolve('oidc-provider')));

const listen = server => new Promise(done => server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${server.address().port}`)));

const keys = new Map();
function addKey(kid, kind) {
  const made = kind === 'RS256' || kind === 'PS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : kind === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  keys.set(kid, { ...made, kind, jwk: { ...made.publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: kind } });
}
for (const kind of ['RS256', 'PS256', 'ES256', 'EdDSA']) addKey(kind, kind);

const part = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
function token({ header, claims, by }) {
  const text = `${part(header)}.${part(claims)}`;
  if (by === 'nobody') return `${text}.`;
  // HMAC with what everybody knows: the public key.
  if (by.startsWith('public ')) {
    const secret = keys.get(by.slice(7)).publicKey.export({ type: 'spki', format: 'pem' });
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  }
  const { privateKey, kind } = keys.get(by);
  const how = kind === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' }
    : kind === 'PS256' ? { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : privateKey;
  return `${text}.${sign(kind === 'EdDSA' ? null : 'sha256', Buffer.from(text), how).toString('base64url')}`;
}

let away = false, asked = [], answer = {};
const control = {
  sign: token,
  key: ({ kid, kind, hidden }) => { addKey(kid, kind); if (hidden) keys.get(kid).jwk = undefined; },
  away: ({ is_ }) => { away = is_; },
  asked: () => asked,
  answer: given => { answer = given; },
};
let forger;
const body = request => new Promise(done => { let text = ''; request.on('data', d => text += d); request.on('end', () => done(text)); });
const forging = createServer(async (request, response) => {
  const json = value => response.setHeader('content-type', 'application/json').end(JSON.stringify(value ?? null));
  if (request.url.startsWith('/control/')) return json(control[request.url.slice(9)](JSON.parse(await body(request) || '{}')));
  asked.push(request.url);
  if (away) return response.writeHead(503).end();
  if (request.url === '/.well-known/openid-configuration') {
    return json({ issuer: forger, jwks_uri: `${forger}/keys`, authorization_endpoint: `${forger}/ask`, token_endpoint: `${forger}/token` });
  }
  if (request.url === '/token') return json(answer);
  if (request.url === '/keys') return json({ keys: [...keys.values()].map(key => key.jwk).filter(Boolean) });
  response.writeHead(404).end();
});
forger = await listen(forging);

let provider;
const serving = createServer((request, response) => provider.callback()(request, response));
const real = await listen(serving);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
provider = new Provider(real, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'real', alg: 'ES256', use: 'sig' }] },
  clients: [
    { client_id: 'portal', client_secret: 'a secret of some length', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      id_token_signed_response_alg: 'ES256' },
    {
      client_id: 'overread', client_secret: 'another secret of some length', grant_types: ['authorization_code'], response_types: ['code'],
      redirect_uris: [plan.redirect], post_logout_redirect_uris: [plan.goodbye], id_token_signed_response_alg: 'ES256',
    },
  ],
  scopes: ['openid', 'RAD-107', 'RAD-108', 'RAD-129'],
  pkce: { required: () => true },
  cookies: { keys: ['of a test'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'RAD-107 RAD-108 RAD-129', audience: 'https://images.example/dicom-web', accessTokenFormat: 'jwt',
        accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
console.log(JSON.stringify({ real, forger }));
