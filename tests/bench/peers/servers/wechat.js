// A server with `wechat`'s middleware behind Connect, as its README has it.
'use strict';

const http = require('http');
const url = require('url');
const connect = require('connect');
const wechat = require('wechat');

const { token, app_id, aes_key } = JSON.parse(process.argv[2]);
const version = (name) => require(`${name}/package.json`).version;

const app = connect();
app.use((request, response, next) => {
  request.query = url.parse(request.url, true).query;
  next();
});
app.use(wechat({ token, appid: app_id, encodingAESKey: aes_key }, (request, response) => {
  response.reply(`收到：${request.weixin.Content}`);
}));

const server = http.createServer(app).listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const name = `wechat ${version('wechat')}, connect ${version('connect')}`;
  console.log(JSON.stringify({ name, runtime: `Node.js ${process.versions.node}`, port }));
});
