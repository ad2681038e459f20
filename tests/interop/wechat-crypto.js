// Seals and opens WeChat's envelopes with wechat-crypto.
//
// Reads one request per line, in JSON, and answers each with one line. Nothing in
// here knows how an envelope is made: that is wechat-crypto's part. It verifies no
// signature and no app id by itself, but returns both: the caller compares, and
// so does this script, as co-wechat does.
'use strict';

const readline = require('readline');
const WXBizMsgCrypt = require('wechat-crypto');
const xml2js = require('xml2js');

const crypto = (app) => new WXBizMsgCrypt(app.token, app.aes_key, app.app_id);

function parse(format, text) {
  if (format === 'json') return JSON.parse(text);
  let tree;
  xml2js.parseString(text, { explicitArray: false, explicitRoot: false }, (error, result) => {
    if (error) throw error;
    tree = result;
  });
  return tree;
}

function decrypted(app, encrypt) {
  const { message, id } = crypto(app).decrypt(encrypt);
  return id === app.app_id ? { message } : { refused: 'it is for another app' };
}

const work = {
  identify: () => ({
    peer: `wechat-crypto ${require('wechat-crypto/package.json').version}`,
    runtime: `Node.js ${process.versions.node}`,
  }),

  // A bare text becomes a ciphertext, and one becomes a bare text again.
  encrypt: ({ app, message }) => ({ encrypt: crypto(app).encrypt(message) }),
  decrypt: ({ app, encrypt }) => decrypted(app, encrypt),

  // A message becomes a push, as WeChat would send it: a query and a body.
  deliver({ app, timestamp, nonce, format, message }) {
    const encrypt = crypto(app).encrypt(message);
    const body = format === 'json'
      ? JSON.stringify({ ToUserName: 'gh_1', Encrypt: encrypt })
      : `<xml>\n    <ToUserName><![CDATA[gh_1]]></ToUserName>\n    <Encrypt><![CDATA[${encrypt}]]></Encrypt>\n</xml>\n`;
    const query = [
      // Three parts instead of four: nothing sorts in front of everything.
      ['signature', crypto(app).getSignature(timestamp, nonce, '')],
      ['timestamp', timestamp],
      ['nonce', nonce],
      ['openid', 'oAnn'],
      ['encrypt_type', 'aes'],
      ['msg_signature', crypto(app).getSignature(timestamp, nonce, encrypt)],
    ];
    return { query, body };
  },

  // A sealed passive reply is verified, decrypted and read.
  open({ app, format, body }) {
    const { Encrypt, MsgSignature, TimeStamp, Nonce } = parse(format, body);
    if (crypto(app).getSignature(String(TimeStamp), Nonce, Encrypt) !== MsgSignature) {
      return { refused: 'its signature is wrong' };
    }
    const opened = decrypted(app, Encrypt);
    return opened.refused ? opened : { ...opened, fields: parse(format, opened.message) };
  },
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = work[request.do](request);
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
