/** Opens the page. */

import { render } from 'preact';
import { guardMarkup } from './trusted';
import { Page } from './views/Page';
import './style.css';

guardMarkup();
const root = document.getElementById('page');
if (root !== null) render(<Page />, root);
