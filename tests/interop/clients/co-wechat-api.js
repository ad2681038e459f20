// Calls WeChat with co-wechat-api.
//
// Reads one request per line, in JSON, and answers each with one line. Nothing in
// here knows how a call looks on the wire: that is co-wechat-api's part.
'use strict';

const answer = require('./answer');
const API = require('co-wechat-api');

const clients = new Map();

// One for each app, which keeps its token.
function client({ base, app_id, secret }) {
  if (!clients.has(app_id)) {
    const api = new API(app_id, secret);
    for (const prefix of ['prefix', 'snsPrefix', 'wxaPrefix', 'customservicePrefix']) {
      api[prefix] = api[prefix].replace('https://api.weixin.qq.com', base);
    }
    clients.set(app_id, api);
  }
  return clients.get(app_id);
}

const values = (fields) => Object.fromEntries(
  Object.entries(fields).map(([key, value]) => [key, { value }]),
);

const work = {
  identify: () => ({
    peer: `co-wechat-api ${require('co-wechat-api/package.json').version}`,
    runtime: `Node.js ${process.versions.node}`,
  }),

  token: async ({ app }) => ({ token: (await client(app).ensureAccessToken()).accessToken }),

  followers: async ({ app }) => ({ open_ids: (await client(app).getFollowers()).data.openid }),

  async profile({ app, open_id }) {
    const user = await client(app).getUser({ openid: open_id, lang: 'zh_CN' });
    return { open_id: user.openid, union_id: user.unionid };
  },

  async login({ app, code }) {
    const user = await client(app).code2Session(code);
    return { open_id: user.openid, union_id: user.unionid };
  },

  async template({ app, open_id, template_id, fields, url, program }) {
    const sent = await client(app).sendTemplate(
      open_id, template_id, url, undefined, values(fields),
      program && { appid: program.app_id, pagepath: program.page },
    );
    return { message_id: sent.msgid.toFixed() };
  },

  async subscribe({ app, open_id, template_id, fields, page }) {
    const sent = await client(app).sendSubscribeMessage(open_id, template_id, page, values(fields));
    return { message_id: sent.msgid.toFixed() };
  },

  async customer_service({ app, open_id, text }) {
    await client(app).sendText(open_id, text);
    return {};
  },
};

answer(work);
