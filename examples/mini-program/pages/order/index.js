const config = require('../../config.js');

// What the page shows if WeChat could not ask for consent.
const PROBLEMS = {
  off: '您关闭了订阅消息，请在右上角“…”→“设置”→“通知管理”中打开',
  banned: '暂时无法订阅消息',
  again: '网络不好，请再点一次',
  mistake: '出错了，请稍后再试',
};

Page({
  data: { orders: [], loaded: false, asking: false, answer: '', problem: '' },

  onLoad() {
    return this.load();
  },

  async onPullDownRefresh() {
    await this.load();
    wx.stopPullDownRefresh();
  },

  async load() {
    const { hongyan } = getApp();
    try {
      const { statusCode, data } = await hongyan.request({ url: `${config.api}/orders` });
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      this.setData({ orders: data.orders, loaded: true, problem: '' });
    } catch (error) {
      console.error('load', error);
      this.setData({ problem: '加载失败，请下拉重试' });
    }
  },

  // WeChat asks only in a tap handler, so there is no `await` before askConsent.
  async onNotify() {
    const consent = getApp().hongyan.askConsent([config.templates.shipped]);
    this.setData({ asking: true });
    const { accepted, problem } = await consent;
    const answer = accepted.length > 0 ? '好的，发货时通知您' : '好的，不打扰您';
    this.setData({ asking: false, answer: problem ? PROBLEMS[problem] : answer });
  },
});
