// For a widget that needs no more than widget.js.

export default { render: mount };
