import './dist/main.js'
