// What is yours: where things are, and how WeChat calls them. On the phone, the two
// addresses have to be https, and named in the console as domains for requests
// (小程序后台 → 开发管理 → 服务器域名 → request 合法域名).
module.exports = {
  // Hongyan's HTTP API, and its short name of this mini program.
  hongyan: 'http://127.0.0.1:8080',
  app: 'shop-mini',
  // Your own API: examples/protected-api.
  api: 'http://127.0.0.1:8081',
  // The subscription message's template_id (小程序后台 → 订阅消息 → 我的模板).
  templates: { shipped: 'SandboxTemplateOfMini-order-shipped-0000001' },
};
