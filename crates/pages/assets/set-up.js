// The secret of a set-up link stands in the fragment, which is never sent: into the field with it, and out of the address.
const secret = location.hash.slice(1);
const field = document.getElementById("link");
if (secret && field) {
  field.value = secret;
  history.replaceState(null, "", location.pathname);
}
