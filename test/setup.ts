/** Loaded before every suite: an unhandled rejection fails the run instead of passing unseen. */
process.on('unhandledRejection', (reason) => {
  throw reason;
});
