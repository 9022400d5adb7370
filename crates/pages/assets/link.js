// Moves the secret of a link out of the address and into the form, so that it stays in no history and no window title.
"use strict";
const token = document.getElementById("token");
const secret = location.hash.slice(1);
if (token && secret) {
  token.value = secret;
  history.replaceState(null, "", location.pathname);
  document.getElementById("token-field").hidden = true;
  document.getElementById("code").focus();
}
// Another link in the address of this page changes nothing but its fragment, so nothing would happen.
addEventListener("hashchange", () => location.hash && location.replace(`${location.pathname}?${Date.now()}${location.hash}`));
