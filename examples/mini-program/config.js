// Your settings. On a phone, both URLs must be https, and their domains must be listed in
// WeChat's console (小程序后台 → 开发管理 → 服务器域名 → request 合法域名).
module.exports = {
  // Hongyan's HTTP API, and its alias of this mini program.
  hongyan: 'http://127.0.0.1:8080',
  app: 'shop-mini',
  // Your own API: examples/protected-api.
  api: 'http://127.0.0.1:8081',
  // The subscription message's template_id (小程序后台 → 订阅消息 → 我的模板).
  templates: { shipped: 'SandboxTemplateOfMini-order-shipped-0000001' },
};
