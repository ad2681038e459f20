// A server with co-wechat's middleware behind Koa, as its README has it.
'use strict';

const Koa = require('koa');
const wechat = require('co-wechat');

const { token, app_id, aes_key } = JSON.parse(process.argv[2]);
const version = (name) => require(`${name}/package.json`).version;

const app = new Koa();
const config = { token, appid: app_id, encodingAESKey: aes_key };
app.use(wechat(config).middleware(async (message) => `收到：${message.Content}`));

const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const name = `co-wechat ${version('co-wechat')}, koa ${version('koa')}`;
  console.log(JSON.stringify({ name, runtime: `Node.js ${process.versions.node}`, port }));
});
