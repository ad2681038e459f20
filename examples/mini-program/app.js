const config = require('./config.js');
const { connect } = require('./hongyan.js');

App({
  onLaunch() {
    this.hongyan = connect({ url: config.hongyan, app: config.app });
  },
});
