// The libraries of others, each behind the same two calls. Imported only when asked for: together they take a second.
//
//   verifier(name, secret)  async (headers, body: Buffer) => what it read of the request, if it says; throws if the request is
//                           not genuine
//   signer(name, secret)    async (id, seconds, body: string) => headers

import crypto from 'node:crypto';

/// ed25519 as the specification of Standard Webhooks describes it, by node's own crypto: the libraries know HMAC only.
function ed25519(whpk) {
  const x = Buffer.from(whpk.slice('whpk_'.length), 'base64').toString('base64url');
  const key = crypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return (headers, body) => {
    const content = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body]);
    const genuine = headers['webhook-signature'].split(' ').some((entry) => {
      const [version, signature] = entry.split(',');
      return version === 'v1a' && crypto.verify(null, content, key, Buffer.from(signature, 'base64'));
    });
    if (!genuine) throw new Error('no matching v1a signature');
    if (Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) > 300) throw new Error('too old or too new');
  };
}

/// One round of percent-decoding, which the HTTP binding asks of a receiver (CloudEvents 1.0.2, 3.1.3.2) and the SDK leaves out:
/// it would read %25 where the sender's attribute has %.
function percentDecoded(headers) {
  const decoded = ([name, value]) => [name, name.startsWith('ce-') ? decodeURIComponent(value) : value];
  return Object.fromEntries(Object.entries(headers).map(decoded));
}

export async function verifier(name, secret) {
  switch (name) {
    case 'standardwebhooks':
    case 'svix': {
      const { Webhook } = await import(name);
      const webhook = new Webhook(secret);
      return async (headers, body) => webhook.verify(body, headers);
    }
    case 'ed25519':
      return async (headers, body) => ed25519(secret)(headers, body);
    case 'octokit': {
      const { verify } = await import('@octokit/webhooks-methods');
      return async (headers, body) => {
        if (!(await verify(secret, body.toString(), headers['x-hub-signature-256']))) throw new Error('no match');
      };
    }
    case 'stripe': {
      const { default: Stripe } = await import('stripe');
      const { webhooks } = new Stripe('sk_test_none');
      return async (headers, body) => webhooks.constructEvent(body, headers['stripe-signature'], secret);
    }
    case 'cloudevents': {
      // Not signed: says whether the request is a CloudEvent, structured or binary, and which.
      const { HTTP } = await import('cloudevents');
      return async (headers, body) => {
        const event = HTTP.toEvent({ headers: percentDecoded(headers), body: body.toString() });
        if (!event.validate()) throw new Error('not a CloudEvent');
        return event;
      };
    }
  }
  throw new Error(`no library ${name}`);
}

export async function signer(name, secret) {
  switch (name) {
    case 'standardwebhooks':
    case 'svix': {
      const { Webhook } = await import(name);
      const webhook = new Webhook(secret);
      const prefix = name === 'svix' ? 'svix' : 'webhook';
      return async (id, seconds, body) => ({
        [`${prefix}-id`]: id,
        [`${prefix}-timestamp`]: String(seconds),
        [`${prefix}-signature`]: webhook.sign(id, new Date(seconds * 1000), body),
      });
    }
    case 'octokit': {
      const { sign } = await import('@octokit/webhooks-methods');
      return async (id, seconds, body) => ({ 'x-hub-signature-256': await sign(secret, body) });
    }
    case 'stripe': {
      const { default: Stripe } = await import('stripe');
      const { webhooks } = new Stripe('sk_test_none');
      return async (id, timestamp, payload) => ({
        'stripe-signature': webhooks.generateTestHeaderString({ payload, secret, timestamp }),
      });
    }
  }
  throw new Error(`no library ${name}`);
}
