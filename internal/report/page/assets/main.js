document.getElementById("loading").hidden = true;
