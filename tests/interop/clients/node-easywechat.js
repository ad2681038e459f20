// Calls WeChat with node-easywechat.
//
// Reads one request per line, in JSON, and answers each with one line. node-easywechat
// brings tokens along and leaves paths and bodies to the caller: those in here are
// written after WeChat's documentation.
'use strict';

const answer = require('./answer');
const { MiniApp, OfficialAccount } = require('node-easywechat');

// Its own cache is a folder, and would give the last run's tokens to this one.
class Memory {
  constructor() { this.kept = new Map(); }
  async get(key) { return this.kept.get(key) ?? null; }
  async has(key) { return this.kept.has(key); }
  async set(key, value) { this.kept.set(key, value); return true; }
  async delete(key) { return this.kept.delete(key); }
}

const clients = new Map();

// One for each app, which keeps its token.
function client({ kind, base, app_id, secret }) {
  if (!clients.has(app_id)) {
    const Kind = kind === 'mini_program' ? MiniApp : OfficialAccount;
    const app = new Kind({
      app_id, secret, use_stable_access_token: true, http: { baseURL: `${base}/`, proxy: false, throw: true },
    });
    app.setCache(new Memory());
    clients.set(app_id, app);
  }
  return clients.get(app_id);
}

const values = (fields) => Object.fromEntries(
  Object.entries(fields).map(([key, value]) => [key, { value }]),
);

async function get(app, path, params) {
  return (await client(app).getClient().get(path, { params })).toObject();
}

async function post(app, path, body) {
  return (await client(app).getClient().postJson(path, body)).toObject();
}

const work = {
  identify: () => ({
    peer: `node-easywechat ${require('node-easywechat/package.json').version}`,
    runtime: `Node.js ${process.versions.node}`,
  }),

  token: async ({ app }) => ({ token: await client(app).getAccessToken().getToken() }),

  followers: async ({ app }) => ({ open_ids: (await get(app, 'cgi-bin/user/get')).data.openid }),

  async profile({ app, open_id }) {
    const user = await get(app, 'cgi-bin/user/info', { openid: open_id, lang: 'zh_CN' });
    return { open_id: user.openid, union_id: user.unionid };
  },

  async login({ app, code }) {
    const user = await client(app).getUtils().codeToSession(code);
    return { open_id: user.openid, union_id: user.unionid };
  },

  // It reads the message's id as a double, which has no room for it: not told.
  async template({ app, open_id, template_id, fields, url, program }) {
    await post(app, 'cgi-bin/message/template/send', {
      touser: open_id,
      template_id,
      url,
      ...(program && { miniprogram: { appid: program.app_id, pagepath: program.page } }),
      data: values(fields),
    });
    return {};
  },

  async subscribe({ app, open_id, template_id, fields, page }) {
    await post(app, 'cgi-bin/message/subscribe/send', {
      touser: open_id, template_id, page, data: values(fields),
    });
    return {};
  },

  async customer_service({ app, open_id, text }) {
    await post(app, 'cgi-bin/message/custom/send', {
      touser: open_id, msgtype: 'text', text: { content: text },
    });
    return {};
  },
};

answer(work);
